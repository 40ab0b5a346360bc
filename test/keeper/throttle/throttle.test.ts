/** The throttle as the login uses it: sources, bounds, concurrency, restarts. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSource, ROOT_SOURCE, type Source } from '../../../server/keeper/throttle/source.ts'
import type { Outcome } from '../../../server/keeper/throttle/source-table.ts'
import {
  createThrottle,
  DEFAULT_THROTTLE_LIMITS,
  type Throttle,
  type ThrottleLimits,
} from '../../../server/keeper/throttle/throttle.ts'
import { createFakeTime, type FakeTime } from './fake-time.ts'

const test = suite('throttle')
const stranger = parseSource('203.0.113.7')
const owner = parseSource('198.51.100.1')

function make(limits: Partial<ThrottleLimits> = {}, time = createFakeTime()): { time: FakeTime; throttle: Throttle } {
  const all = { ...DEFAULT_THROTTLE_LIMITS, ...limits }
  return { time, throttle: createThrottle({ clock: time.clock, timer: time.timer, limits: all }) }
}

async function attempt(throttle: Throttle, source: Source, account: string, outcome: Outcome): Promise<true | number> {
  const answer = await throttle.begin({ source, account, local: false })
  if (!answer.ok) return answer.retryAfterSeconds
  answer.attempt.settle(outcome)
  return true
}

async function failTimes(throttle: Throttle, count: number, source: Source, account: string): Promise<void> {
  for (let i = 0; i < count; i++)
    assert.is(await attempt(throttle, source, account, 'failed'), true, `failure ${i + 1}`)
}

test('the fifth quick attempt waits 5 s, the next one 10 s', async () => {
  const { time, throttle } = make()
  await failTimes(throttle, 4, stranger, 'alice')
  assert.is(await attempt(throttle, stranger, 'alice', 'failed'), 5)
  await time.advance(4.5)
  assert.is(await attempt(throttle, stranger, 'alice', 'failed'), 1)
  await time.advance(0.5)
  await failTimes(throttle, 1, stranger, 'alice')
  assert.is(await attempt(throttle, stranger, 'alice', 'failed'), 10)
})

test("a stranger's penalty does not touch the owner from another source", async () => {
  const { throttle } = make()
  await failTimes(throttle, 4, stranger, 'alice')
  assert.is(await attempt(throttle, owner, 'alice', 'succeeded'), true)
})

test('logging in to an own account between guesses resets nothing', async () => {
  const { throttle } = make()
  for (let i = 0; i < 4; i++) {
    await failTimes(throttle, 1, stranger, 'alice')
    if (i < 3) assert.is(await attempt(throttle, stranger, 'mallory', 'succeeded'), true)
  }
  assert.is(await attempt(throttle, stranger, 'mallory', 'succeeded'), 5)
})

test('who mistypes and then logs in starts anew', async () => {
  const { time, throttle } = make()
  for (let round = 0; round < 5; round++) {
    await time.advance(20)
    await failTimes(throttle, 3, owner, 'alice')
    assert.is(await attempt(throttle, owner, 'Alice', 'succeeded'), true)
  }
  assert.equal(throttle.list().sources, [])
})

test('right passwords cost their account no turns', async () => {
  const { throttle } = make({ burst: 2 })
  for (let i = 0; i < 5; i++) {
    const answer = await Promise.race([
      attempt(throttle, parseSource(`192.0.2.${i}`), 'alice', 'succeeded'),
      new Promise(resolve => setImmediate(resolve, 'waiting')),
    ])
    assert.is(answer, true)
  }
})

test('attempts at once count before they have failed', async () => {
  const { throttle } = make()
  const answers = await Promise.all(
    Array.from({ length: 9 }, () => throttle.begin({ source: stranger, account: 'alice', local: false })),
  )
  const letIn = answers.filter(answer => answer.ok)
  assert.is(letIn.length, 4)
  for (const answer of letIn) if (answer.ok) answer.attempt.settle('failed')
  assert.is(await attempt(throttle, stranger, 'alice', 'failed'), 5)
})

test('past the free failures one attempt at a time is let in', async () => {
  const { time, throttle } = make()
  await failTimes(throttle, 4, stranger, 'alice')
  await time.advance(5)
  const first = await throttle.begin({ source: stranger, account: 'alice', local: false })
  const second = await throttle.begin({ source: stranger, account: 'bob', local: false })
  assert.is(first.ok, true)
  assert.is(second.ok, false)
})

test('an attempt is settled once', async () => {
  const { throttle } = make()
  const answer = await throttle.begin({ source: stranger, account: 'alice', local: false })
  if (!answer.ok) throw new Error('refused')
  for (const outcome of ['failed', 'succeeded', 'failed', 'abandoned'] as const) answer.attempt.settle(outcome)
  assert.is(throttle.list().sources[0]?.failures, 1)
})

test('an abandoned attempt is no failure', async () => {
  const { throttle } = make()
  for (let i = 0; i < 20; i++) await attempt(throttle, stranger, `name-${i}`, 'abandoned')
  assert.equal(throttle.list().sources, [])
})

test('root on its own socket is never counted', async () => {
  const { throttle } = make()
  await failTimes(throttle, 50, ROOT_SOURCE, 'alice')
  assert.equal(throttle.list(), { sources: [], accounts: [] })
})

test('a full table drops no live penalty: new sources share one bucket', async () => {
  const { time, throttle } = make({ maxSources: 3 })
  for (const last of [1, 2, 3]) await failTimes(throttle, 4, parseSource(`192.0.2.${last}`), `victim-${last}`)
  await failTimes(throttle, 2, parseSource('192.0.2.4'), 'a')
  await failTimes(throttle, 2, parseSource('192.0.2.5'), 'b')
  assert.is(await attempt(throttle, parseSource('192.0.2.6'), 'c', 'failed'), 5)
  for (const last of [1, 2, 3]) assert.is(await attempt(throttle, parseSource(`192.0.2.${last}`), 'x', 'failed'), 5)
  assert.is(throttle.list().sources.length, 4)
  await time.advance(5)
  assert.is(await attempt(throttle, parseSource('192.0.2.7'), 'c', 'failed'), true)
})

test('a full table makes room of what costs nothing any more: newcomers have a tally of their own', async () => {
  const { throttle } = make({ maxSources: 2 })
  await failTimes(throttle, 4, parseSource('192.0.2.1'), 'victim')
  for (const last of [2, 3, 4]) await failTimes(throttle, 2, parseSource(`192.0.2.${last}`), 'a')
  assert.equal(
    throttle.list().sources.map(({ source, failures }) => [source, failures]),
    [
      ['ip:192.0.2.1', 4],
      ['ip:192.0.2.4', 2],
    ],
  )
})

test('a full table leaves local users a bucket of their own', async () => {
  const { throttle } = make({ maxSources: 1 })
  await failTimes(throttle, 4, parseSource('192.0.2.1'), 'a')
  await failTimes(throttle, 4, parseSource('192.0.2.2'), 'a')
  assert.is(await attempt(throttle, parseSource(1000), 'owner', 'succeeded'), true)
})

test('a success in the shared bucket clears nothing that others did', async () => {
  const { throttle } = make({ maxSources: 1 })
  await failTimes(throttle, 4, parseSource('192.0.2.1'), 'a')
  await failTimes(throttle, 3, parseSource('192.0.2.2'), 'alice')
  assert.is(await attempt(throttle, parseSource('192.0.2.3'), 'alice', 'succeeded'), true)
  assert.is(throttle.list().sources.find(({ source }) => source === 'overflow')?.failures, 3)
})

test('an attempt under way is not pushed out of a full table', async () => {
  const { throttle } = make({ maxSources: 1 })
  const slow = await throttle.begin({ source: stranger, account: 'alice', local: false })
  await failTimes(throttle, 3, owner, 'bob')
  if (slow.ok) slow.attempt.settle('failed')
  const states = throttle.list().sources.map(({ source, failures }) => ({ source, failures }))
  assert.equal(states, [
    { source: stranger, failures: 1 },
    { source: 'overflow', failures: 3 },
  ])
})

test('the table stays within its bound under a flood of sources', async () => {
  const { throttle } = make({ maxSources: 100 })
  for (let i = 0; i < 1000; i++) await attempt(throttle, parseSource(`10.0.${i >> 8}.${i & 255}`), `n${i}`, 'failed')
  assert.ok(throttle.list().sources.length <= 102)
})

test('clear forgets a source, an account, or everything', async () => {
  const { throttle } = make()
  await failTimes(throttle, 4, stranger, 'alice')
  await failTimes(throttle, 2, owner, 'alice')
  await failTimes(throttle, 1, owner, 'bob')
  assert.is(throttle.clear({ source: stranger }), 1)
  assert.is(await attempt(throttle, stranger, 'alice', 'succeeded'), true)
  assert.is(throttle.clear({ source: owner, account: 'ALICE' }), 1)
  assert.equal(
    throttle.list().sources.map(({ accounts }) => accounts),
    [['bob']],
  )
  throttle.clear({})
  assert.equal(throttle.list().sources, [])
})

test('a restart in the same boot keeps penalties to the second', async () => {
  const { time, throttle } = make()
  await failTimes(throttle, 4, stranger, 'alice')
  await time.advance(3)
  const rows = throttle.snapshot()
  await time.advance(1)
  const after = make({}, time)
  after.throttle.restore(rows)
  assert.is(await attempt(after.throttle, stranger, 'alice', 'failed'), 1)
})

for (const { name, bootId } of [
  { name: 'a reboot', bootId: 'boot-2' },
  { name: 'the monotonic clock began anew within a boot', bootId: 'boot-1' },
])
  test(`after ${name} what remained when it was saved counts anew`, async () => {
    const { time, throttle } = make()
    await failTimes(throttle, 4, stranger, 'alice')
    await time.advance(2)
    const rows = throttle.snapshot()
    const rebooted = make({}, createFakeTime(10_000, bootId))
    rebooted.throttle.restore(rows)
    assert.is(await attempt(rebooted.throttle, stranger, 'alice', 'failed'), 3)
    await rebooted.time.advance(3)
    assert.is(await attempt(rebooted.throttle, stranger, 'alice', 'failed'), true)
    assert.is(await attempt(rebooted.throttle, stranger, 'alice', 'failed'), 10)
  })

test('a restored row never makes a penalty longer than the longest', async () => {
  const { throttle } = make()
  const state = JSON.stringify({ quietFrom: 9e15, failures: [['alice', 4]] })
  throttle.restore([{ kind: 'source', key: stranger, bootId: 'boot-1', savedMs: 0, state }])
  assert.is(await attempt(throttle, stranger, 'alice', 'failed'), 600)
})

test('a row that is not its own is a fault', () => {
  const { throttle } = make()
  const row = { kind: 'source' as const, key: stranger, bootId: 'boot-1', savedMs: 0, state: '{"failures":"none"}' }
  assert.throws(() => throttle.restore([row]))
})

test('takeChanges gives each changed row once, and what to delete when it is forgotten', async () => {
  const { time, throttle } = make()
  await failTimes(throttle, 1, stranger, 'alice')
  const first = throttle.takeChanges()
  assert.equal(
    first.put.map(({ kind, key }) => `${kind} ${key}`).sort(),
    ['account alice', `source ${stranger}`].sort(),
  )
  assert.equal(throttle.takeChanges(), { put: [], remove: [] })
  await time.advance(600)
  const { put, remove } = throttle.takeChanges()
  assert.equal(put, [])
  assert.equal(remove.map(({ kind, key }) => `${kind} ${key}`).sort(), ['account alice', `source ${stranger}`].sort())
})

test('changes written one after the other restore to the same state as a snapshot', async () => {
  const { time, throttle } = make()
  const kept = new Map<string, ReturnType<Throttle['snapshot']>[number]>()
  for (let i = 0; i < 40; i++) {
    await attempt(throttle, parseSource(`192.0.2.${i % 7}`), `name-${i % 3}`, i % 5 === 0 ? 'succeeded' : 'failed')
    await time.advance(i % 9)
    const { put, remove } = throttle.takeChanges()
    for (const row of put) kept.set(`${row.kind} ${row.key}`, row)
    for (const { kind, key } of remove) kept.delete(`${kind} ${key}`)
  }
  const restored = make({}, time).throttle
  restored.restore(kept.values())
  const byName = (state: ReturnType<Throttle['list']>) =>
    state.sources.toSorted((a, b) => (a.source < b.source ? -1 : 1))
  assert.equal(byName(restored.list()), byName(throttle.list()))
})

test('limits that make no sense are refused', () => {
  assert.throws(() => make({ firstPenaltySeconds: 0 }), /firstPenaltySeconds/)
  assert.throws(() => make({ maxPenaltySeconds: 1 }), /maxPenaltySeconds/)
  assert.throws(() => make({ freeFailures: -1 }), /freeFailures/)
  assert.throws(() => make({ freeFailures: Number.POSITIVE_INFINITY }), /freeFailures/)
})

test.run()
