/** What the keeper does by the clock, on a real store and real files, with a clock and rounds that a test moves. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Audit, createAudit } from '../../server/keeper/audit/audit.ts'
import { Kiosk } from '../../server/keeper/kiosk/kiosk.ts'
import { createThrottleSaver, restoreThrottle, startMaintenance } from '../../server/keeper/maintenance.ts'
import { RootToken } from '../../server/keeper/root-token/root-token.ts'
import { StorageFull, type Store } from '../../server/keeper/store/store.ts'
import { parseSource } from '../../server/keeper/throttle/source.ts'
import { createThrottle, DEFAULT_THROTTLE_LIMITS, type Throttle } from '../../server/keeper/throttle/throttle.ts'
import { Tickets } from '../../server/keeper/ticket/tickets.ts'
import { createHouse, day, found, type House, hour } from './session/house.ts'
import { noonMs } from './session/movable-clock.ts'

/** Rounds of upkeep, one at a time, when the test says so. */
class Rounds {
  #planned: (() => void) | null = null
  #whenPlanned = () => {}
  readonly delays: number[] = []

  readonly timer = (delayMs: number, fire: () => void) => {
    this.delays.push(delayMs)
    this.#planned = fire
    this.#whenPlanned()
    return () => {
      this.#planned = null
    }
  }

  get isPlanned(): boolean {
    return this.#planned !== null
  }

  /** Begins the next one and does not wait. */
  begin(): void {
    const fire = found(this.#planned)
    this.#planned = null
    fire()
  }

  /** Runs the next one to its end. */
  run(): Promise<void> {
    const over = new Promise<void>(resolve => {
      this.#whenPlanned = resolve
    })
    this.begin()
    return over
  }
}

interface Context {
  house: House
  rounds: Rounds
  runtime: string
  audit: Audit
  throttle: Throttle
  /** What was said to the log, and the lines for the journal. */
  said: string[]
  journal: string[]
  start(store?: Store): Promise<() => Promise<void>>
}

const test = suite<Context>('keeper/maintenance')
test.before.each(async context => {
  const house = await createHouse()
  const { clock } = house
  const [runtime, rounds] = [join(house.directory, 'run'), new Rounds()]
  const said: string[] = []
  const journal: string[] = []
  mkdirSync(runtime, { mode: 0o755 })
  const throttle = makeThrottle(house)
  const file = join(house.directory, 'audit.log')
  const audit = await createAudit({
    file,
    clock,
    heads: house.store.auditHead,
    journal: line => journal.push(line),
    rotateBytes: 1 << 20,
  })
  const start = async (store = house.store) => {
    const { sessions, keys } = house
    const account = { name: 'root', uid: 0, gid: 0, groups: ['root'] }
    const rootToken = new RootToken({ runtimeDirectory: runtime, sessions, store, clock, random: randomBytes, account })
    await rootToken.start()
    const log = (_level: string, text: string) => void said.push(text)
    const saveThrottle = createThrottleSaver(throttle, store)
    const common = { store, sessions, clock, random: randomBytes, findAccount: async () => null }
    const tickets = new Tickets({ ...common, mayLogIn: () => true, kioskUser: () => null })
    const kiosk = new Kiosk({ ...common, tickets, runtimeDirectory: runtime, settings: () => null })
    const idle = { tick: async () => {} }
    const others = { tls: idle, issue: idle, audit, clock, log }
    const parts = { store, sessions, keys, saveThrottle, rootToken, tickets, kiosk, ...others }
    return startMaintenance({ ...parts, timer: rounds.timer })
  }
  Object.assign(context, { house, rounds, runtime, audit, throttle, said, journal, start })
})
test.after.each(async ({ house, audit }) => {
  await audit.close()
  await house.close()
})

function makeThrottle({ clock }: House): Throttle {
  return createThrottle({ clock, timer: () => () => {}, limits: DEFAULT_THROTTLE_LIMITS })
}

async function failOnce(throttle: Throttle, source: string): Promise<void> {
  const answer = await throttle.begin({ source: parseSource(source), account: 'alice', local: false })
  if (!answer.ok) throw new Error(answer.reason)
  answer.attempt.settle('failed')
}

const failuresOf = (throttle: Throttle) => throttle.list().sources.map(({ source, failures }) => [source, failures])

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

test('failures at the throttle are in the store after a round, and gone from it once forgotten', async context => {
  const { house, rounds, throttle, start } = context
  const stop = await start()
  await failOnce(throttle, '192.0.2.1')
  await failOnce(throttle, '192.0.2.1')
  await rounds.run()
  const next = makeThrottle(house)
  await restoreThrottle(next, house.store)
  assert.equal(failuresOf(next), [['ip:192.0.2.1', 2]])
  house.clock.pass(hour)
  await rounds.run()
  assert.equal(await house.store.throttle.load(), [])
  await stop()
})

test('failures that could not be saved are saved later, as they are by then', async ({ house, throttle }) => {
  let isFull = true
  const { throttle: rows } = house.store
  let saves = 0
  const save: typeof rows.save = async list => {
    saves += 1
    if (isFull) throw new StorageFull('the store is full')
    await rows.save(list)
  }
  const saveThrottle = createThrottleSaver(throttle, { throttle: { ...rows, save } })
  const expectFull = async () => {
    const fault = await saveThrottle().catch((thrown: unknown) => thrown)
    assert.instance(fault, StorageFull)
  }
  await failOnce(throttle, '192.0.2.1')
  await failOnce(throttle, '192.0.2.2')
  await expectFull()
  await failOnce(throttle, '192.0.2.1')
  await expectFull()
  throttle.clear({ source: 'ip:192.0.2.2' })
  await expectFull()
  isFull = false
  await saveThrottle()
  await saveThrottle()
  assert.is(saves, 4, 'nothing is written twice')
  const next = makeThrottle(house)
  await restoreThrottle(next, house.store)
  assert.equal(failuresOf(next), [['ip:192.0.2.1', 2]])
})

test('strangers who come and go while the disk is full do not pile up, and no failure is lost', async ({ house }) => {
  const saved: number[] = []
  let isFull = true
  let round = 0
  const row = { kind: 'source', key: '192.0.2.1', bootId: 'boot-1', savedMs: 1, state: '{}' } as const
  const takeChanges = () => {
    round += 1
    const remove = Array.from({ length: 70_000 }, (_, at) => ({ kind: 'source' as const, key: `${round} ${at}` }))
    return round === 1 ? { put: [row], remove } : { put: [], remove: round < 5 ? remove : [] }
  }
  const save = async (rows: readonly { key: string; row: string | null }[]) => {
    saved.push(rows.length)
    if (isFull) throw new StorageFull('the store is full')
    assert.ok(rows.some(({ key, row: text }) => key === 'source 192.0.2.1' && text === JSON.stringify(row)))
  }
  const saveThrottle = createThrottleSaver({ takeChanges }, { throttle: { ...house.store.throttle, save } })
  for (let count = 0; count < 4; count += 1) await saveThrottle().catch(() => {})
  assert.ok(Math.max(...saved) <= 131_072, `${saved}`)
  isFull = false
  await saveThrottle()
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
