/** Questions to the directory of accounts: how often they are asked, and what is said while there is no answer. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LookUps } from '../../server/keeper/look-up.ts'
import { createFakeTime, type FakeTime } from './throttle/fake-time.ts'

interface Context {
  time: FakeTime
  lookUps: LookUps<string>
  /** What was asked, in order. */
  asked: string[]
  /** The directory: what it has, how many questions are with it, and whether it is down or hangs. */
  directory: { has: Set<string>; open: number; most: number; isDown: boolean; hang: Promise<void> }
}

const test = suite<Context>('keeper/look-up')
test.before.each(context => {
  const time = createFakeTime()
  const asked: string[] = []
  const directory = { has: new Set(['alice']), open: 0, most: 0, isDown: false, hang: Promise.resolve() }
  const look = async (name: string) => {
    asked.push(name)
    directory.open += 1
    directory.most = Math.max(directory.most, directory.open)
    await directory.hang
    directory.open -= 1
    if (directory.isDown) throw new Error('the directory is down')
    return directory.has.has(name)
  }
  Object.assign(context, { time, asked, directory, lookUps: new LookUps({ ...time, look }) })
})

test('an answer counts for a minute, without a promise, a no as well as a yes', async ({ time, lookUps, asked }) => {
  assert.is(await lookUps.find('alice'), true)
  assert.is(await lookUps.find('bob'), false)
  await time.advance(49)
  assert.equal([lookUps.find('alice'), lookUps.find('bob')], [true, false])
  assert.equal(asked, ['alice', 'bob'])
})

test('after it the question is asked anew', async ({ time, lookUps, directory }) => {
  await lookUps.find('alice')
  directory.has.clear()
  await time.advance(60)
  assert.is(await lookUps.find('alice'), false)
})

test('who asks while it is being asked hears the same answer', async ({ lookUps, asked }) => {
  assert.equal(await Promise.all([1, 2, 3].map(() => lookUps.find('alice'))), [true, true, true])
  assert.equal(asked, ['alice'])
})

test('one question at a time', async ({ lookUps, directory }) => {
  const names = Array.from({ length: 20 }, (_, at) => `user${at}`)
  await Promise.all(names.map(name => lookUps.find(name)))
  assert.is(directory.most, 1)
})

test('a directory that is down says nothing: what was known stays, and is asked for again in seconds', async ({
  time,
  lookUps,
  asked,
  directory,
}) => {
  await lookUps.find('alice')
  await time.advance(60)
  directory.isDown = true
  assert.equal([await lookUps.find('alice'), await lookUps.find('carol')], [true, null])
  assert.equal([lookUps.find('alice'), lookUps.find('carol')], [true, null])
  assert.is(asked.length, 3)
  directory.isDown = false
  directory.has.clear()
  await time.advance(5)
  assert.equal([await lookUps.find('alice'), await lookUps.find('carol')], [false, false])
})

test('a directory that hangs is waited for a second, by whoever asks, and its answer counts when it comes', async ({
  time,
  lookUps,
  asked,
  directory,
}) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  directory.hang = promise
  const waiting = [lookUps.find('alice'), lookUps.find('bob')]
  await time.advance(1)
  assert.equal(await Promise.all(waiting), [null, null])
  // Without the clock that moves on, this would wait for ever.
  assert.is(await lookUps.find('alice'), null)
  assert.equal(asked, ['alice'])
  resolve()
  await time.advance(0)
  assert.equal([lookUps.find('alice'), lookUps.find('bob')], [true, false])
})

test('what is told counts as if it had been looked up', async ({ lookUps, asked }) => {
  await lookUps.find('bob')
  lookUps.tell('bob', true)
  assert.is(lookUps.find('bob'), true)
  assert.equal(asked, ['bob'])
})

test('it remembers a bounded number of answers, and lets a bounded number of questions wait', async ({
  lookUps,
  asked,
  directory,
}) => {
  for (let at = 0; at < 4097; at += 1) lookUps.tell(`user${at}`, true)
  assert.is(lookUps.find('user1'), true)
  await lookUps.find('user0')
  assert.equal(asked, ['user0'])
  directory.hang = new Promise(() => {})
  for (let at = 0; at < 4096; at += 1) assert.instance(lookUps.find(`other${at}`), Promise)
  assert.is(lookUps.find('one more'), null)
})

test.run()
