import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nearest } from '../../server/config/suggest.ts'

const test = suite('config/suggest')
const known = ['access_seconds', 'refresh_seconds', 'max_seconds', 'pam', 'log', 'hosts']

const table: [word: string, expect: string | null][] = [
  ['acces_seconds', 'access_seconds'],
  ['access-seconds', 'access_seconds'],
  ['ACCESS_SECONDS', 'access_seconds'],
  ['acecss_seconds', 'access_seconds'],
  ['host', 'hosts'],
  ['lgo', 'log'],
  ['xyz', null],
  ['', null],
  ['a'.repeat(100000), null],
]
for (const [word, expect] of table) {
  test(`"${word.slice(0, 20)}" is taken for ${expect}`, () => assert.is(nearest(word, known), expect))
}

test.run()
