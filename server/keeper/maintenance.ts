/** What the keeper does by the clock: renew root's token, end what is over, write down what changed. */
import type { Log } from '../link/log.ts'
import type { Audit } from './audit/audit.ts'
import type { Clock } from './clock.ts'
import { instantNow } from './instant.ts'
import type { Issue } from './issue/issue.ts'
import type { Kiosk } from './kiosk/kiosk.ts'
import { returnFreeMemory } from './libc.ts'
import type { RootToken } from './root-token/root-token.ts'
import type { Sessions } from './session/sessions.ts'
import type { SigningKeys } from './signing/keys.ts'
import type { Store } from './store/store.ts'
import type { ThrottleRow } from './throttle/row.ts'
import type { Throttle } from './throttle/throttle.ts'
import type { Timer } from './throttle/timer.ts'
import type { Tickets } from './ticket/tickets.ts'
import type { Tls } from './tls/tls.ts'

const tickMs = 2000
const headMs = 3_600_000
const roomMs = 60_000
const memoryMs = 10_000
/** A wall clock that moved less than this against the monotonic one drifted; more, and it was set. */
const clockSetMs = 2000
/** Throttle rows that wait for room on the disk. */
const longestUnsaved = 131_072

export interface MaintenanceOptions {
  readonly store: Store
  readonly sessions: Sessions
  readonly keys: SigningKeys
  readonly saveThrottle: () => Promise<void>
  readonly rootToken: RootToken
  readonly tickets: Tickets
  readonly kiosk: Kiosk
  readonly tls: Pick<Tls, 'tick'>
  readonly issue: Pick<Issue, 'tick'>
  readonly audit: Audit
  readonly clock: Clock
  readonly timer: Timer
  readonly log: Log
}

type Job = () => Promise<unknown> | unknown

const rowKey = ({ kind, key }: Pick<ThrottleRow, 'kind' | 'key'>) => `${kind} ${key}`

/** Makes a function that writes what changed in the throttle since it last did; what could not be written is, the next time. */
export function createThrottleSaver(
  throttle: Pick<Throttle, 'takeChanges'>,
  store: Pick<Store, 'throttle'>,
): () => Promise<void> {
  const unsaved = new Map<string, string | null>()
  return async () => {
    const { put, remove } = throttle.takeChanges()
    for (const row of put) unsaved.set(rowKey(row), JSON.stringify(row))
    for (const row of remove) unsaved.set(rowKey(row), null)
    if (unsaved.size === 0) return
    // Strangers who come and go while the disk is full must not pile up; what stays in the store is forgotten by its age.
    if (unsaved.size > longestUnsaved) for (const [key, row] of unsaved) if (row === null) unsaved.delete(key)
    await store.throttle.save([...unsaved].map(([key, row]) => ({ key, row })))
    unsaved.clear()
  }
}

/** Takes back what the throttle knew before the restart. */
export async function restoreThrottle(throttle: Throttle, store: Store): Promise<void> {
  throttle.restore((await store.throttle.load()).map(({ row }) => JSON.parse(row) as ThrottleRow))
}

/** Lets the store follow a wall clock that was set; also at the start, for it may have been set while nobody looked. */
function createClockWatch({ store, clock }: MaintenanceOptions): () => Promise<void> {
  let followedMs: number | null = null
  return async () => {
    const now = instantNow(clock)
    const offsetMs = now.wallMs - now.monotonicMs
    if (followedMs !== null && Math.abs(offsetMs - followedMs) < clockSetMs) return
    await store.followWallClock(now)
    followedMs = offsetMs
  }
}

/** Has room kept in the store, and says when there is none. */
async function keepRoom({ store, log }: MaintenanceOptions): Promise<void> {
  if (!(await store.keepRoom())) log('error', 'the disk is full: soon nobody can log in any more')
}

/** Does a job once in so many milliseconds, `firstMs` from now for the first time. */
function every(periodMs: number, { clock }: MaintenanceOptions, job: Job, firstMs = periodMs): Job {
  let dueMs = clock.monotonicMs() + firstMs
  return () => {
    if (clock.monotonicMs() < dueMs) return
    dueMs = clock.monotonicMs() + periodMs
    return job()
  }
}

/** Starts; the returned function stops it and resolves when the last round is over. */
export function startMaintenance(options: MaintenanceOptions): () => Promise<void> {
  const { sessions, keys, saveThrottle, rootToken, tickets, kiosk, tls, issue, audit, timer, log } = options
  const jobs: Job[] = [
    () => rootToken.tick(),
    () => sessions.sweep(),
    () => tickets.sweep(),
    () => kiosk.tick(),
    () => tls.tick(),
    () => issue.tick(),
    saveThrottle,
    () => keys.sweep(),
    every(roomMs, options, () => keepRoom(options), 0),
    createClockWatch(options),
    every(headMs, options, () => audit.journalHead()),
    every(memoryMs, options, returnFreeMemory),
  ]
  const round = async () => {
    for (const job of jobs) {
      try {
        await job()
      } catch (fault) {
        log('error', 'upkeep failed, it is tried again', { fault: String(fault) })
      }
    }
  }
  let running: Promise<void> = Promise.resolve()
  let isStopped = false
  const plan = () =>
    timer(tickMs, () => {
      running = round().then(() => {
        if (!isStopped) cancel = plan()
      })
    })
  let cancel = plan()
  return async () => {
    isStopped = true
    cancel()
    await running
  }
}
