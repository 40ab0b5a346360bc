/** Pages of a list in memory. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { pageOf } from '../../server/keeper/page.ts'

const test = suite('keeper/page')
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)

const pages: [
  name: string,
  count: number,
  input: Parameters<typeof pageOf>[1],
  items: number[],
  next: string | null,
][] = [
  ['an empty list is one empty page', 0, {}, [], null],
  ['a page is 50 long unless asked otherwise', 51, {}, numbers(50), '50'],
  ['a list of one page names no next one', 50, {}, numbers(50), null],
  ['a limit is kept', 3, { limit: 2 }, [0, 1], '2'],
  ['the next page goes on where the one before ended', 5, { limit: 2, cursor: '2' }, [2, 3], '4'],
  ['the last page names no next one', 5, { limit: 2, cursor: '4' }, [4], null],
  ['a cursor past the end, of a list that became shorter, gives an empty page', 1, { cursor: '50' }, [], null],
]
for (const [name, count, input, items, next] of pages)
  test(name, () => assert.equal(pageOf(numbers(count), input), { ok: true, value: { items, next } }))

for (const cursor of ['', '-1', '1.5', '1e3', ' 1', 'x', '9'.repeat(10)])
  test(`the cursor ${JSON.stringify(cursor)} is none`, () => {
    const answer = pageOf(numbers(5), { cursor })
    assert.is(answer.ok ? 'ok' : answer.reason, 'invalid_input')
  })

test.run()
