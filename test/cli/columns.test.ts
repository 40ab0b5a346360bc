/** Tables and fields for people. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatFields, formatTable } from '../../cli/columns.ts'
import { formatDuration, formatTime } from '../../cli/time.ts'

const test = suite('cli/columns')

test('makes columns as wide as their widest cell', () => {
  assert.is(formatTable(['A', 'BB'], [['xyz', '1']], 'none'), 'A    BB\nxyz  1\n')
})

test('says so when there is no row', () => assert.is(formatTable(['A'], [], 'no sessions'), 'no sessions\n'))

test('escapes every cell: a user agent is what a stranger wrote', () => {
  assert.is(
    formatTable(['A', 'B'], [['\u001b[2J', 'x\ny']], ''),
    'A         B\n\\u001b[2J  x\\u000ay\n'.replace('A         B', 'A          B'),
  )
})

test('gives each of several values a line', () => {
  const text = formatFields([
    ['one', 'x'],
    ['several', ['a', 'b']],
    ['none', []],
  ])
  assert.is(text, 'one      x\nseveral  a\n         b\nnone     -\n')
})

const durations: [number, string][] = [
  [-1, '0 s'],
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [3661, '1 h 1 min'],
  [86_400, '1 d'],
  [86_400 * 3 + 3600 * 4 + 59, '3 d 4 h'],
]
for (const [given, expect] of durations)
  test(`shows ${given} s as ${expect}`, () => assert.is(formatDuration(given), expect))

test('shows a time to the second, and leaves what is none', () => {
  assert.match(formatTime('2026-05-04T03:02:01.000Z'), /^2026-05-0\d \d\d:\d\d:01$/)
  assert.is(formatTime('soon'), 'soon')
})

test.run()
