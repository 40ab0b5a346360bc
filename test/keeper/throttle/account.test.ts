/** Slowing an account: the rate holds whoever asks, and the owner is let in all the same. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AccountTable } from '../../../server/keeper/throttle/account.ts'
import { parseSource, type Source } from '../../../server/keeper/throttle/source.ts'
import { createThrottle, DEFAULT_THROTTLE_LIMITS } from '../../../server/keeper/throttle/throttle.ts'
import { exhaust, findName, make, owner, ownUid, strangerNumber, watch } from './account-turns.ts'
import { createFakeTime } from './fake-time.ts'

const test = suite('throttle account')

test('forged sources get 10 guesses at once and at most 40 in any minute', async () => {
  const { time, ask } = make()
  const guessedAtMs: number[] = []
  let forged = 0
  for (let step = 0; step < 1800; step++) {
    for (let i = 0; i < 5; i++) {
      // An owned gate may call every source local.
      void ask(strangerNumber(forged++), { local: i % 2 === 0 }).then(turn => {
        if (turn.ok) guessedAtMs.push(time.clock.monotonicMs())
      })
    }
    await time.advance(0.1)
  }
  const most = Math.max(...guessedAtMs.map(from => guessedAtMs.filter(at => at >= from && at < from + 60_000).length))
  assert.ok(most <= 40, `${most} guesses in a minute`)
  assert.ok(guessedAtMs.length >= 95, `${guessedAtMs.length} turns in three minutes`)
})

test('right passwords do not slow their account down', async () => {
  const { ask } = make()
  for (let i = 0; i < 200; i++) {
    const turn = await ask(owner)
    if (!turn.ok) throw new Error(`refused at ${i}`)
    turn.succeeded()
  }
})

test('a success gives back what is left of its own turn and nothing of others', async () => {
  const { time, ask } = make()
  const slow = await ask(owner)
  await time.advance(60)
  await exhaust(ask)
  if (slow.ok) slow.succeeded()
  const next = watch(ask(strangerNumber(99)))
  await time.advance(1.9)
  assert.is(next.state(), 'waiting')
  await time.advance(0.1)
  assert.is(next.state(), 'let in')
})

test('a turn is given back once', async () => {
  const { ask } = make({ burst: 3 })
  const first = await ask(owner)
  await ask(strangerNumber(1))
  await ask(strangerNumber(2))
  if (first.ok) {
    first.succeeded()
    first.succeeded()
  }
  assert.is((await ask(strangerNumber(3))).ok, true)
  const next = watch(ask(strangerNumber(4)))
  await new Promise(resolve => setImmediate(resolve))
  assert.is(next.state(), 'waiting')
})

test('the owner, at their own uid or known from before, gets the next turn but one however many strangers wait', async () => {
  for (const how of ['own uid', 'known'] as const) {
    const { time, ask } = make()
    if (how === 'known') {
      const before = await ask(owner)
      if (before.ok) before.succeeded()
    }
    await exhaust(ask)
    const strangers = Array.from({ length: 100 }, (_, i) => watch(ask(strangerNumber(1000 + i))))
    const turn = watch(how === 'known' ? ask(owner) : ask(ownUid, { local: true }))
    await time.advance(4)
    assert.is(turn.state(), 'let in', how)
    assert.is(strangers.filter(({ state }) => state() === 'let in').length, 1)
    assert.is(strangers.filter(({ state }) => state() === 'throttled').length, 92)
  }
})

test('eight other local users keep the owner out neither where they logged in before nor at their own uid', async () => {
  const { time, ask } = make()
  const before = await ask(owner)
  if (before.ok) before.succeeded()
  await exhaust(ask)
  for (let uid = 1001; uid < 1017; uid++) void ask(parseSource(uid), { local: true })
  await time.advance(0)
  const turns = [watch(ask(owner)), watch(ask(ownUid, { local: true }))]
  await time.advance(8)
  assert.equal(
    turns.map(({ state }) => state()),
    ['let in', 'let in'],
  )
})

test('a uid is preferred at its own account alone, at this machine, and where the system can look', async () => {
  const broken = () => Promise.reject(new Error('the directory is down'))
  for (const { name, given, local, find = findName } of [
    { name: 'another account', given: 1001, local: true },
    { name: 'no account', given: 1002, local: true },
    { name: 'not local', given: 1000, local: false },
    { name: 'cannot look', given: 1000, local: true, find: broken },
  ]) {
    const time = createFakeTime()
    const table = new AccountTable(time.clock, time.timer, DEFAULT_THROTTLE_LIMITS, () => {}, find)
    const ask = (source: Source, isLocal = false) => table.admit({ account: 'alice', source, local: isLocal })
    await exhaust(ask)
    for (let i = 0; i < 8; i++) void ask(strangerNumber(i))
    await time.advance(0)
    const turn = watch(ask(parseSource(given), local))
    await time.advance(0)
    assert.is(turn.state(), 'throttled', name)
  }
})

test('a turn counts also when its account was forgotten while the system looked', async () => {
  const { promise: found, resolve: find } = Promise.withResolvers<string>()
  const time = createFakeTime()
  const table = new AccountTable(
    time.clock,
    time.timer,
    DEFAULT_THROTTLE_LIMITS,
    () => {},
    () => found,
  )
  const ask = (source: Source, local = false) => table.admit({ account: 'alice', source, local })
  await exhaust(ask)
  const turn = watch(ask(ownUid, true))
  await time.advance(60)
  table.sweep()
  find('alice')
  await time.advance(0)
  assert.is(turn.state(), 'let in')
  for (let i = 0; i < 9; i++) assert.is((await ask(strangerNumber(i))).ok, true)
  const last = watch(ask(strangerNumber(9)))
  await time.advance(0)
  assert.is(last.state(), 'waiting')
})

test('those with preference do not starve the others: the lanes take turns', async () => {
  const { time, ask } = make()
  for (let i = 0; i < 8; i++) {
    const before = await ask(strangerNumber(i))
    if (before.ok) before.succeeded()
  }
  await exhaust(ask)
  const turn = watch(ask(owner))
  for (let i = 0; i < 8; i++) void ask(strangerNumber(i))
  await time.advance(4)
  assert.is(turn.state(), 'let in')
})

test('one source has one place in a lane, so turns go round by source', async () => {
  const { time, ask } = make()
  await exhaust(ask)
  const greedy = Array.from({ length: 5 }, () => watch(ask(strangerNumber(77))))
  const turn = watch(ask(owner))
  await time.advance(0)
  assert.equal(greedy.map(({ state }) => state()).sort(), [
    'throttled',
    'throttled',
    'throttled',
    'throttled',
    'waiting',
  ])
  await time.advance(4)
  assert.is(turn.state(), 'let in')
})

test('a newcomer does not overtake those who wait', async () => {
  const { time, table, ask } = make()
  await exhaust(ask)
  const first = watch(ask(strangerNumber(50)))
  await time.advance(1.999)
  const second = watch(ask(strangerNumber(51)))
  await time.advance(0.001)
  assert.equal([first.state(), second.state()], ['let in', 'waiting'])
  assert.equal(table.list(), [{ account: 'alice', delaySeconds: 2, waiting: 1 }])
})

test('a newcomer does not overtake when a turn is due that the timer has not given yet', async () => {
  const time = createFakeTime()
  const late = () => () => {}
  const table = new AccountTable(time.clock, late, { ...DEFAULT_THROTTLE_LIMITS, burst: 1 }, () => {})
  const ask = (n: number) => watch(table.admit({ account: 'alice', source: strangerNumber(n), local: false }))
  const turns = [ask(1), ask(2)]
  await time.advance(2)
  turns.push(ask(3))
  await time.advance(0)
  assert.equal(
    turns.map(({ state }) => state()),
    ['let in', 'let in', 'waiting'],
  )
})

test('who gives up leaves the line', async () => {
  const { time, ask } = make()
  await exhaust(ask)
  const controller = new AbortController()
  const gone = watch(ask(strangerNumber(50), { signal: controller.signal }))
  const turn = watch(ask(owner))
  controller.abort()
  await time.advance(2)
  assert.equal([gone.state(), turn.state()], ['cut', 'let in'])
  assert.is(watch(ask(strangerNumber(51), { signal: controller.signal })).state(), 'waiting')
  assert.equal(await ask(strangerNumber(52), { signal: controller.signal }), {
    ok: false,
    reason: 'cut',
    retryAfterSeconds: 0,
  })
})

test('those who wait are bounded over all accounts, in each lane', async () => {
  const { time, ask } = make({ burst: 1 })
  const waiting = []
  for (let account = 0; account < 10; account++) {
    for (let i = 0; i < 9; i++) waiting.push(watch(ask(strangerNumber(i), { account: `name-${account}` })))
  }
  await ask(strangerNumber(0), { account: 'alice' })
  await time.advance(0)
  assert.is(waiting.filter(({ state }) => state() === 'waiting').length, 16)
  const turn = watch(ask(ownUid, { local: true }))
  await time.advance(0)
  assert.is(turn.state(), 'waiting')
})

test('a source that strangers share is never known', async () => {
  const { time, ask } = make()
  const before = await ask(parseSource('unix'))
  if (before.ok) before.succeeded()
  await exhaust(ask)
  const stranger = watch(ask(strangerNumber(60)))
  const shared = watch(ask(parseSource('unix')))
  await time.advance(2)
  assert.equal([stranger.state(), shared.state()], ['let in', 'waiting'])
})

test('an attempt refused at its account is not held against its source', async () => {
  const time = createFakeTime()
  const limits = { ...DEFAULT_THROTTLE_LIMITS, burst: 1, laneWaiting: 1 }
  const throttle = createThrottle({ clock: time.clock, timer: time.timer, limits })
  const ask = (n: number) => throttle.begin({ source: strangerNumber(n), account: 'alice', local: false })
  await ask(1)
  void ask(2)
  for (let i = 0; i < 20; i++) assert.is((await ask(3)).ok, false)
  const elsewhere = await throttle.begin({ source: strangerNumber(3), account: 'bob', local: false })
  assert.is(elsewhere.ok, true)
})

test.run()
