/** What the keeper does by the clock: renew root's token, end what is over, write down what changed. */
import type { Log } from '../link/log.ts'
import type { Audit } from './audit/audit.ts'
import type { Clock } from './clock.ts'
import type { RootToken } from './root-token/root-token.ts'
import type { Sessions } from './session/sessions.ts'
import type { SigningKeys } from './signing/keys.ts'
import type { Store } from './store/store.ts'
import type { ThrottleRow } from './throttle/row.ts'
import type { Throttle } from './throttle/throttle.ts'

const tickMs = 2000
const headMs = 3_600_000
const roomMs = 60_000
/** A wall clock that moved less than this against the monotonic one drifted; more, and it was set. */
const clockSetMs = 2000

export interface MaintenanceOptions {
  readonly store: Store
  readonly sessions: Sessions
  readonly keys: SigningKeys
  readonly throttle: Throttle
  readonly rootToken: RootToken
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
}

const rowKey = ({ kind, key }: Pick<ThrottleRow, 'kind' | 'key'>) => `${kind} ${key}`

/** Writes what changed in the throttle. */
export async function saveThrottle(throttle: Throttle, store: Store): Promise<void> {
  const { put, remove } = throttle.takeChanges()
  const changed = put.map(row => ({ key: rowKey(row), row: JSON.stringify(row) }))
  const gone = remove.map(row => ({ key: rowKey(row), row: null }))
  if (changed.length + gone.length > 0) await store.throttle.save([...changed, ...gone])
}

/** Takes back what the throttle knew before the restart. */
export async function restoreThrottle(throttle: Throttle, store: Store): Promise<void> {
  throttle.restore((await store.throttle.load()).map(({ row }) => JSON.parse(row) as ThrottleRow))
}

/** Starts; the returned function stops it and resolves when the last round is over. */
export function startMaintenance(options: MaintenanceOptions): () => Promise<void> {
  const { store, sessions, keys, throttle, rootToken, audit, clock, log } = options
  let offsetMs = clock.wallMs() - clock.monotonicMs()
  let headAtMs = clock.monotonicMs()
  let roomAtMs = clock.monotonicMs()
  const jobs: (() => Promise<unknown> | unknown)[] = [
    () => rootToken.tick(),
    () => sessions.sweep(),
    () => saveThrottle(throttle, store),
    () => keys.sweep(),
    async () => {
      if (clock.monotonicMs() < roomAtMs) return
      roomAtMs = clock.monotonicMs() + roomMs
      if (!(await store.keepRoom())) log('error', 'the disk is full: soon nobody can log in any more')
    },
    async () => {
      const nowMs = clock.wallMs() - clock.monotonicMs()
      if (Math.abs(nowMs - offsetMs) < clockSetMs) return
      offsetMs = nowMs
      await store.followWallClock(clock.bootId, Math.round(nowMs))
    },
    () => {
      if (clock.monotonicMs() - headAtMs < headMs) return
      headAtMs = clock.monotonicMs()
      audit.journalHead()
    },
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
  let isIdle = true
  const timer = setInterval(() => {
    if (!isIdle) return
    isIdle = false
    running = round().finally(() => {
      isIdle = true
    })
  }, tickMs)
  return async () => {
    clearInterval(timer)
    await running
  }
}
