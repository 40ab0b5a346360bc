/** The last events: what follows an id, and when nobody can say so. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ring } from '../../../server/keeper/event/ring.ts'

const test = suite('keeper/event/ring')

function ringOf(count: number, size: number): Ring<string> {
  const ring = new Ring<string>('0a1b2c3d', size)
  for (let at = 0; at < count; at += 1) ring.add(id => id.split('-')[1] ?? '')
  return ring
}

const cases: [name: string, since: string | undefined, from: string, entries: string[]][] = [
  ['no id: from now on', undefined, '0a1b2c3d-7', []],
  ['the newest: from now on', '0a1b2c3d-7', '0a1b2c3d-7', []],
  ['one of the kept', '0a1b2c3d-6', '0a1b2c3d-6', ['7']],
  ['the one before the kept: everything is there', '0a1b2c3d-4', '0a1b2c3d-4', ['5', '6', '7']],
  ['one before that: it starts later', '0a1b2c3d-3', '0a1b2c3d-4', ['5', '6', '7']],
  ['one that has not been: it starts anew', '0a1b2c3d-8', '0a1b2c3d-4', ['5', '6', '7']],
  ['one of another run: it starts anew', 'ffffffff-7', '0a1b2c3d-4', ['5', '6', '7']],
]
for (const [name, since, from, entries] of cases)
  test(`after ${name}`, () => assert.equal(ringOf(7, 3).after(since), { from, entries }))

test('it keeps the last thousand', () => {
  const ring = new Ring<number>('0a1b2c3d')
  for (let at = 0; at < 1500; at += 1) ring.add(() => at)
  const { entries } = ring.after('0a1b2c3d-1')
  assert.equal([entries.length, entries[0]], [1000, 500])
})

test.run()
