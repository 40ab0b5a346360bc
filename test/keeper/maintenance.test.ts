/** What the keeper does by the clock, on a real store and real files, with a clock and rounds that a test moves. */
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { StorageFull, type Store } from '../../server/keeper/store/store.ts'
import { day, found, hour } from './session/house.ts'
import { noonMs } from './session/movable-clock.ts'
import { createUpkeep, failOnce, type Upkeep } from './upkeep.ts'

const test = suite<Upkeep>('keeper/maintenance')
test.before.each(async context => {
  Object.assign(context, await createUpkeep())
})
test.after.each(async ({ house, audit }) => {
  await audit.close()
  await house.close()
})

/** The store, one of whose methods finds the disk full as often as `times` says. */
function fullFor(store: Store, method: 'followWallClock' | 'keepRoom', times: number): Store {
  let left = times
  const act = store[method] as (...args: unknown[]) => Promise<unknown>
  const once = async (...args: unknown[]) => {
    if (left-- > 0) throw new StorageFull('the store is full')
    return act(...args)
  }
  return { ...store, [method]: once }
}

test('a round comes every two seconds, and never two at once', async ({ rounds, start }) => {
  const stop = await start()
  for (let count = 0; count < 3; count += 1) {
    assert.ok(rounds.isPlanned)
    const over = rounds.run()
    assert.not.ok(rounds.isPlanned)
    await over
  }
  assert.equal(rounds.delays, [2000, 2000, 2000, 2000])
  await stop()
  assert.not.ok(rounds.isPlanned)
})

test('a stop waits for the round that runs, and no other follows', async ({ house, rounds, start }) => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const stop = await start({
    ...house.store,
    keepRoom: async () => {
      await gate
      return true
    },
  })
  rounds.begin()
  let isStopped = false
  const stopped = stop().then(() => {
    isStopped = true
  })
  await new Promise(resolve => setImmediate(resolve))
  assert.not.ok(isStopped)
  open()
  await stopped
  assert.not.ok(rounds.isPlanned)
})

test('a session of 1970 outlives the jump to today and the reboot after it', async ({ house, rounds, start }) => {
  house.clock.setWall(5000)
  const stop = await start()
  await rounds.run()
  const { accessToken, session } = await house.login('alice')
  house.clock.setWall(noonMs)
  await rounds.run()
  assert.is(found(await house.store.sessions.find(session.id)).began.wallMs, noonMs)
  await stop()
  house.clock.reboot({ wallMs: noonMs + 60_000 })
  assert.ok(await house.isGood(accessToken))
  house.clock.pass(hour)
  assert.not.ok(await house.isGood(accessToken))
})

test('a session outlives a clock that was set while no keeper ran', async ({ house, rounds, start }) => {
  house.clock.setWall(5000)
  const { accessToken } = await house.login('alice')
  house.clock.setWall(noonMs)
  await house.restart()
  const stop = await start()
  await rounds.run()
  await stop()
  house.clock.reboot({ wallMs: noonMs + 60_000 })
  assert.ok(await house.isGood(accessToken))
})

test('the wall clock is followed when it was set by two seconds or more, once each time', async ({
  house,
  rounds,
  start,
}) => {
  const followed: number[] = []
  const { followWallClock } = house.store
  const stop = await start({
    ...house.store,
    followWallClock: now => {
      followed.push(now.wallMs - now.monotonicMs)
      return followWallClock(now)
    },
  })
  const offset = house.clock.wallMs() - house.clock.monotonicMs()
  for (const [shiftMs, expected] of [
    [0, [offset]],
    [1999, [offset]],
    [2000, [offset, offset + 2000]],
    [2000, [offset, offset + 2000]],
    [0, [offset, offset + 2000, offset]],
  ] as const) {
    house.clock.pass(2)
    house.clock.setWall(house.clock.monotonicMs() + offset + shiftMs)
    await rounds.run()
    assert.equal(followed, expected)
  }
  await stop()
})

test('a clock that could not be followed, for the disk was full, is followed later', async context => {
  const { house, rounds, said, start } = context
  const stop = await start(fullFor(house.store, 'followWallClock', 2))
  const { session } = await house.login('alice')
  house.clock.setWall(noonMs + day * 1000)
  for (let count = 0; count < 3; count += 1) await rounds.run()
  assert.equal(said, Array(2).fill('upkeep failed, it is tried again'))
  assert.is(found(await house.store.sessions.find(session.id)).began.wallMs, noonMs + day * 1000)
  await stop()
})

test('the head of the audit trail goes to the journal once an hour', async ({
  house,
  rounds,
  audit,
  journal,
  start,
}) => {
  const stop = await start()
  await audit.record({ event: 'test', outcome: 'ok' })
  const heads = async (seconds: number) => {
    house.clock.pass(seconds)
    await rounds.run()
    return journal.map(line => JSON.parse(line) as { event: string; seq: number; hash: string })
  }
  assert.equal(await heads(hour - 1), [])
  // Somebody sets the clock: an hour has not passed.
  house.clock.setWall(noonMs + day * 1000)
  assert.equal(await heads(0), [])
  const [line, ...more] = await heads(1)
  assert.equal(more, [])
  const { event, seq, hash } = found(line)
  assert.equal({ event, seq, hash }, { event: 'audit.head', ...audit.head() })
  assert.is((await heads(2)).length, 1)
  assert.is((await heads(hour)).length, 2)
  await stop()
})

test('room is kept from the first round on, and looked after once a minute; the log hears when there is none', async ({
  house,
  rounds,
  said,
  start,
}) => {
  let asked = 0
  const stop = await start({ ...house.store, keepRoom: async () => asked++ > 0 })
  await rounds.run()
  assert.equal([asked, said], [1, ['the disk is full: soon nobody can log in any more']])
  for (const [seconds, expected] of [
    [58, 1],
    [2, 2],
    [2, 2],
    [60, 3],
  ] as const) {
    house.clock.pass(seconds)
    await rounds.run()
    assert.is(asked, expected)
  }
  assert.is(said.length, 1)
  await stop()
})

test('root’s token is renewed, sessions that are over are ended, and retired keys removed', async ({
  house,
  rounds,
  runtime,
  start,
}) => {
  const stop = await start()
  const read = () => readFileSync(join(runtime, 'token'), 'utf8')
  const first = read()
  const { session } = await house.login('alice', { kind: 'cookie' })
  await house.keys.rotate()
  await rounds.run()
  assert.is(read(), first)
  assert.ok(await house.store.sessions.find(session.id))
  house.clock.pass(hour / 2)
  await rounds.run()
  assert.is.not(read(), first)
  house.clock.pass(8 * hour)
  await rounds.run()
  assert.is(await house.store.sessions.find(session.id), null)
  assert.is(house.forgotten.filter(what => 'session' in what && what.session === session.id).length, 1)
  assert.is(readdirSync(join(house.directory, 'keys')).length, 2)
  house.clock.pass(30 * day)
  await rounds.run()
  assert.is(readdirSync(join(house.directory, 'keys')).length, 1)
  await stop()
})

test('what fails holds up nothing else, is told, and is tried again', async context => {
  const { house, rounds, runtime, throttle, said, start } = context
  const stop = await start()
  renameSync(runtime, `${runtime}-gone`)
  house.clock.pass(hour / 2)
  await failOnce(throttle, '192.0.2.1')
  await rounds.run()
  assert.equal(said, ['upkeep failed, it is tried again'])
  assert.is((await house.store.throttle.load()).length, 2)
  renameSync(`${runtime}-gone`, runtime)
  await rounds.run()
  assert.is(said.length, 1)
  assert.ok(await house.isGood(readFileSync(join(runtime, 'token'), 'utf8').trim()))
  await stop()
})

test.run()
