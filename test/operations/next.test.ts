/** Where a login leads: nowhere but this site. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseNext } from '../../server/operations/next.ts'

const test = suite('gate/next')

const good: [given: string, expected?: string][] = [
  ['/'],
  ['/postern/'],
  ['/a/b?c=d&e=%2F#f'],
  ['/ü', '/%C3%BC'],
  ['/a//b'],
  ['/?next=//evil.example'],
  ['/a/../b', '/b'],
  ['/@evil.example'],
  ['/:80'],
]
for (const [given, expected = given] of good)
  test(`leads to ${given}`, () => {
    assert.is(parseNext(given), expected)
  })

const bad: (string | null | undefined)[] = [
  ...[null, undefined, '', 'x', 'postern/', '?a', '#a', '.', ' /', '\u00a0/'],
  ...['//evil.example', '///evil.example', '/\\evil.example', '\\/evil.example', '\\\\evil.example', '/a\\b'],
  ...['http://evil.example', 'https:evil.example', 'javascript:alert(1)', 'data:text/html,x', '/..//evil.example'],
  ...[
    '/\t/evil.example',
    '/\n/evil.example',
    '/a\r\nSet-Cookie: x=y',
    '/\0',
    '/\u0085',
    '/.//evil.example',
    '/%2e//evil.example',
  ],
  `/${'a'.repeat(2048)}`,
]
for (const given of bad)
  test(`leads nowhere by ${JSON.stringify(given)?.slice(0, 40)}`, () => {
    assert.is(parseNext(given), null)
  })

test('whatever it gives stays on this site when a browser resolves it', () => {
  const alphabet = ['/', '\\', '.', '..', '@', ':', '%2f', '%5c', '\t', 'a', '?', '#', '//', 'http:']
  for (let number = 0; number < 14 ** 4; number += 1) {
    const text = [0, 1, 2, 3].map(at => alphabet[Math.floor(number / 14 ** at) % 14]).join('')
    const next = parseNext(`/${text}`)
    if (next !== null) assert.is(new URL(next, 'https://box.example:7643').host, 'box.example:7643', next)
  }
})

test.run()
