/** Turns: how many at once, in which order, and what happens when the line is full. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTurns } from '../../server/keeper/turns.ts'

const test = suite('keeper/turns')
const settled = () => new Promise<void>(resolve => setImmediate(resolve))

/** Work that ends when the test says so, by its number. */
function make(limits = { atOnce: 2, waiting: 3 }) {
  const inTurn = createTurns('guests', limits)
  const begun: number[] = []
  const ends: PromiseWithResolvers<string>[] = []
  const come = () => {
    const number = ends.push(Promise.withResolvers<string>()) - 1
    return inTurn(() => {
      begun.push(number)
      return ends[number]?.promise ?? Promise.reject()
    })
  }
  return { come, begun, ends }
}

test('so many work at once, and the others in the order in which they came', async () => {
  const { come, begun, ends } = make()
  const guests = Array.from({ length: 5 }, come)
  await settled()
  assert.equal(begun, [0, 1])
  ends[1]?.resolve('one')
  assert.is(await guests[1], 'one')
  guests.push(come())
  await settled()
  assert.equal(begun, [0, 1, 2])
  for (const end of ends) end.resolve('done')
  await Promise.all(guests)
  assert.equal(begun, [0, 1, 2, 3, 4, 5])
})

test('who finds the line full is told so at once, and takes no turn', async () => {
  const { come, begun, ends } = make({ atOnce: 1, waiting: 1 })
  const guests = [come(), come()]
  const fault = await come().catch((thrown: unknown) => thrown)
  assert.is(String(fault), 'Error: too many guests wait: 1')
  for (const end of ends) end.resolve('done')
  await Promise.all(guests)
  const last = come()
  ends.at(-1)?.resolve('done')
  assert.is(await last, 'done')
  assert.equal(begun, [0, 1, 3])
})

test('work that fails gives its turn on', async () => {
  const { come, begun, ends } = make({ atOnce: 1, waiting: 1 })
  const guests = [come(), come()]
  ends[0]?.reject(new Error('no'))
  assert.is(await guests[0]?.catch((fault: Error) => fault.message), 'no')
  await settled()
  assert.equal(begun, [0, 1])
  ends[1]?.resolve('done')
  assert.is(await guests[1], 'done')
})

test.run()
