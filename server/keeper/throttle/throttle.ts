/** The throttle: what failed attempts cost their source, and how they slow their account. */
import type { Clock } from '../clock.ts'
import { type AccountLimits, type AccountState, AccountTable, type FindName, type Turn } from './account.ts'
import { accountKey } from './account-key.ts'
import type { ThrottleChanges, ThrottleRow } from './row.ts'
import { ROOT_SOURCE, type Source } from './source.ts'
import { type Outcome, type SourceLimits, type SourceState, SourceTable } from './source-table.ts'
import type { Timer } from './timer.ts'

/** Every number of the throttle. */
export interface ThrottleLimits extends SourceLimits, AccountLimits {}

/** Penalties from the fourth failure, 5 s doubling to 10 min; 10 attempts at an account at once, then 30 a minute. */
export const DEFAULT_THROTTLE_LIMITS: ThrottleLimits = {
  freeFailures: 3,
  firstPenaltySeconds: 5,
  maxPenaltySeconds: 600,
  forgetSeconds: 600,
  maxSources: 65_536,
  burst: 10,
  intervalSeconds: 2,
  maxAccounts: 4096,
  laneWaiting: 8,
  laneWaitingInAll: 16,
  knownSources: 8,
}

/** Who tries to log in as whom. `account` is the name as the client gave it; `signal` gives up waiting for a turn. */
export interface AttemptRequest {
  readonly source: Source
  readonly account: string
  readonly local: boolean
  readonly signal?: AbortSignal
}

/**
 * An attempt that was let in. It counts as under way until it is settled, so the caller settles it in a `finally`:
 * `failed` as soon as a secret was tried and not found right (a client that hung up included), `abandoned` when none was.
 * Only the first call counts.
 */
export interface Attempt {
  settle(outcome: Outcome): void
}

/** A no: `throttled` with the whole seconds to wait, or `cut` when the signal gave up first. */
export type ThrottleAnswer =
  | { readonly ok: true; readonly attempt: Attempt }
  | { readonly ok: false; readonly reason: 'throttled' | 'cut'; readonly retryAfterSeconds: number }

/** The throttle's doors; everything happens in memory. */
export interface Throttle {
  /** Lets an attempt in, at once or when its account's turn has come, or refuses it. `ROOT_SOURCE` is always let in and never counted. At the account only a success gives its turn back: an abandoned attempt has used it. */
  begin(request: AttemptRequest): Promise<ThrottleAnswer>
  list(): { sources: SourceState[]; accounts: AccountState[] }
  /** Forgets a source's failures, those at an account, or those of one at the other; without either, all. Returns how many entries it changed. */
  clear(what: { source?: string; account?: string }): number
  /** What to write since the last call. Drops what is forgotten first. */
  takeChanges(): ThrottleChanges
  /** Everything, as of now: for a clean stop. */
  snapshot(): ThrottleRow[]
  /** Takes kept rows back, before the first attempt. Throws on a row that is not the throttle's own. */
  restore(rows: Iterable<ThrottleRow>): void
}

/** Makes a throttle that remembers nothing yet. Throws a TypeError when the limits make no sense. */
export function createThrottle(options: {
  clock: Clock
  timer: Timer
  limits: ThrottleLimits
  /** Hears of each failure after which its source has to wait. */
  blocked?: (state: SourceState) => void
  /** Tells whose account a local uid is, which is preferred there; without it no uid is. */
  findName?: FindName
}): Throttle {
  const { clock, timer, limits } = options
  requireSense(limits)
  const dirty = { source: new Set<string>(), account: new Set<string>() }
  const sources = new SourceTable(clock, limits, key => dirty.source.add(key), options.blocked)
  const accounts = new AccountTable(clock, timer, limits, key => dirty.account.add(key), options.findName)
  return {
    begin: request => begin(sources, accounts, request),
    list: () => ({ sources: sources.list(), accounts: accounts.list() }),
    clear: what => clear(sources, accounts, what),
    takeChanges() {
      sources.sweep()
      accounts.sweep()
      return take(dirty, { source: sources, account: accounts })
    },
    snapshot: () => [sources, accounts].flatMap(table => table.keys().flatMap(key => table.rowOf(key) ?? [])),
    restore(rows) {
      for (const row of rows) (row.kind === 'source' ? sources : accounts).restore(row)
    },
  }
}

async function begin(sources: SourceTable, accounts: AccountTable, request: AttemptRequest): Promise<ThrottleAnswer> {
  if (request.source === ROOT_SOURCE) return { ok: true, attempt: { settle: () => {} } }
  const account = accountKey(request.account)
  const entered = sources.begin(request.source, account)
  if (!entered.ok) return { ok: false, reason: 'throttled', retryAfterSeconds: entered.retryAfterSeconds }
  const turn: Turn = await accounts.admit({ ...request, account })
  if (!turn.ok) {
    entered.attempt.settle('abandoned')
    return turn
  }
  let open = true
  const settle = (outcome: Outcome) => {
    if (!open) return
    open = false
    entered.attempt.settle(outcome)
    if (outcome === 'succeeded') turn.succeeded()
  }
  return { ok: true, attempt: { settle } }
}

function clear(sources: SourceTable, accounts: AccountTable, what: { source?: string; account?: string }): number {
  const account = what.account === undefined ? undefined : accountKey(what.account)
  const cleared = sources.clear(what.source, account)
  // A source alone leaves the accounts as they are: others slowed them too.
  return what.source === undefined ? cleared + accounts.clear(account) : cleared
}

type Tables = Record<ThrottleRow['kind'], { rowOf(key: string): ThrottleRow | null }>

function take(dirty: Record<ThrottleRow['kind'], Set<string>>, tables: Tables): ThrottleChanges {
  const changes: ThrottleChanges = { put: [], remove: [] }
  for (const kind of ['source', 'account'] as const) {
    for (const key of dirty[kind]) {
      const row = tables[kind].rowOf(key)
      if (row === null) changes.remove.push({ kind, key })
      else changes.put.push(row)
    }
    dirty[kind].clear()
  }
  return changes
}

function requireSense(limits: ThrottleLimits): void {
  const { firstPenaltySeconds, maxPenaltySeconds, freeFailures } = limits
  const wrong = Object.entries(limits).find(([name, value]) => !(value > 0) && name !== 'freeFailures')
  if (wrong !== undefined) throw new TypeError(`throttle limit ${wrong[0]} must be above 0`)
  if (!Number.isSafeInteger(freeFailures) || freeFailures < 0)
    throw new TypeError('throttle limit freeFailures must be a whole number')
  if (maxPenaltySeconds < firstPenaltySeconds)
    throw new TypeError('throttle limit maxPenaltySeconds must not be below firstPenaltySeconds')
}
