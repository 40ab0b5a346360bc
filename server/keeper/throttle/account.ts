/** Attempts by account: many failures at one slow everybody there down, and turn nobody away who waits in a lane of their own. */
import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { Clock } from '../clock.ts'
import { accountKey } from './account-key.ts'
import { KnownSources } from './known-sources.ts'
import * as pace from './pace.ts'
import { restoreInstant, type ThrottleRow } from './row.ts'
import { parseSource, type Source, uidOf } from './source.ts'
import type { Timer } from './timer.ts'
import { WaitingLine } from './waiting-line.ts'

/** The pace, and the bounds of what is remembered and of who may wait (places in one lane of an account, and in such lanes in all). */
export interface AccountLimits extends pace.PaceLimits {
  readonly maxAccounts: number
  readonly laneWaiting: number
  readonly laneWaitingInAll: number
  readonly knownSources: number
}

/** Who asks for a turn. `local` gives preference at an own account, and nothing else; `signal` gives up waiting. */
export interface TurnRequest {
  readonly account: string
  readonly source: Source
  readonly local: boolean
  readonly signal?: AbortSignal
}

/** The name of the account of a uid, or null. */
export type FindName = (uid: number) => Promise<string | null>

/** A turn; `succeeded` gives it back, since a right password was no guess, and remembers the source. Or a no. */
export type Turn =
  | { readonly ok: true; succeeded(): void }
  | { readonly ok: false; readonly reason: 'throttled' | 'cut'; readonly retryAfterSeconds: number }

/** An account as an administrator sees it. */
export interface AccountState {
  readonly account: string
  readonly delaySeconds: number
  readonly waiting: number
}

interface Bucket extends pace.Pace {
  readonly key: string
  readonly line: WaitingLine
  cancelTimer: (() => void) | null
}

const SHARED_BUCKETS = 256
const EVICTION_PROBES = 64

const State = z.strictObject({ due: z.number(), known: z.array(z.string()) })

/** The table. Accounts are given as `accountKey` has them; `changed` is called with a key whenever its row should be written or deleted. */
export class AccountTable {
  readonly #clock: Clock
  readonly #timer: Timer
  readonly #limits: AccountLimits
  readonly #changed: (key: string) => void
  readonly #findName: FindName
  readonly #known: KnownSources
  readonly #buckets = new Map<string, Bucket>()
  readonly #shared = new Map<string, Bucket>()

  constructor(
    clock: Clock,
    timer: Timer,
    limits: AccountLimits,
    changed: (key: string) => void,
    findName: FindName = async () => null,
  ) {
    this.#clock = clock
    this.#timer = timer
    this.#limits = limits
    this.#changed = changed
    this.#findName = findName
    this.#known = new KnownSources(limits.maxAccounts, limits.knownSources)
  }

  /** Waits for a turn at the account. Resolves at once with a no when the lane is full or the source already waits there. */
  async admit(request: TurnRequest): Promise<Turn> {
    const bucket = this.#bucketOf(request.account)
    if (bucket.line.size === 0 && this.#delayMs(bucket) === 0) return this.#take(bucket, request)
    const preferred = await this.#isPreferred(request)
    // Asked for again: an idle one may have been dropped meanwhile.
    return this.#wait(this.#bucketOf(request.account), request, preferred)
  }

  /** Every account at which an attempt would have to wait now. */
  list(): AccountState[] {
    return this.#all()
      .map(bucket => ({
        account: bucket.key,
        delaySeconds: Math.ceil(this.#delayMs(bucket) / 1000),
        waiting: bucket.line.size,
      }))
      .filter(state => state.delaySeconds > 0 || state.waiting > 0)
  }

  /** Forgets the attempts at an account, or at all of them, and lets those who wait go on. Returns how many it changed. */
  clear(account?: string): number {
    const nowMs = this.#clock.monotonicMs()
    const chosen = this.#all().filter(bucket => bucket.dueMs > nowMs && (account ?? bucket.key) === bucket.key)
    for (const bucket of chosen) {
      bucket.dueMs = nowMs
      this.#changed(bucket.key)
      this.#serve(bucket)
    }
    return chosen.length
  }

  /** Drops what has worn off. */
  sweep(): void {
    for (const bucket of this.#all()) {
      if (!this.#isIdle(bucket)) continue
      this.#buckets.delete(bucket.key)
      this.#shared.delete(bucket.key)
      this.#changed(bucket.key)
    }
  }

  /** The keys of all accounts that are remembered. */
  keys(): string[] {
    return [...new Set([...this.#all().map(bucket => bucket.key), ...this.#known.accounts()])]
  }

  /** The row of an account, or null when there is nothing to keep. */
  rowOf(key: string): ThrottleRow | null {
    const savedMs = this.#clock.monotonicMs()
    const due = (this.#buckets.get(key) ?? this.#shared.get(key))?.dueMs ?? 0
    const known = this.#known.of(key)
    if (due <= savedMs && known.length === 0) return null
    return { kind: 'account', key, bootId: this.#clock.bootId, savedMs, state: JSON.stringify({ due, known }) }
  }

  /** Takes a kept row back. Throws when its state is not what `rowOf` writes. */
  restore(row: ThrottleRow): void {
    const state = State.parse(JSON.parse(row.state))
    const longestMs = this.#limits.burst * this.#limits.intervalSeconds * 1000
    const dueMs = restoreInstant(state.due, row, this.#clock, longestMs)
    if (state.known.length > 0) this.#known.set(row.key, state.known.map(parseSource))
    if (dueMs > this.#clock.monotonicMs()) this.#bucketOf(row.key).dueMs = dueMs
  }

  #take(bucket: Bucket, request: TurnRequest): Turn {
    const wornOffMs = pace.admit(bucket, this.#clock.monotonicMs(), this.#limits)
    this.#changed(bucket.key)
    let open = true
    const succeeded = () => {
      if (!open) return
      open = false
      pace.refund(bucket, wornOffMs, this.#clock.monotonicMs(), this.#limits)
      this.#changed(bucket.key)
      for (const account of this.#known.add(request.account, request.source)) this.#changed(account)
      this.#serve(bucket)
    }
    return { ok: true, succeeded }
  }

  /**
   * Whether it comes from where somebody logged in to the account before, or from the account's own uid. Another uid of
   * this machine is a stranger: whoever has some of them would fill the owner's lane.
   */
  async #isPreferred({ account, source, local }: TurnRequest): Promise<boolean> {
    if (this.#known.of(account).includes(source)) return true
    const uid = local ? uidOf(source) : null
    // Where the system cannot look, nobody is preferred for it.
    const name = uid === null ? null : await this.#findName(uid).catch(() => null)
    return name !== null && accountKey(name) === account
  }

  #wait(bucket: Bucket, request: TurnRequest, preferred: boolean): Promise<Turn> {
    if (request.signal?.aborted) return Promise.resolve({ ok: false, reason: 'cut', retryAfterSeconds: 0 })
    if (this.#isLaneFull(bucket, preferred)) return Promise.resolve(this.#refusal(bucket))
    return new Promise(resolve => {
      const cut = () => {
        bucket.line.leave(waiter)
        resolve({ ok: false, reason: 'cut', retryAfterSeconds: 0 })
      }
      const go = () => {
        request.signal?.removeEventListener('abort', cut)
        resolve(this.#take(bucket, request))
      }
      const waiter = { source: request.source, preferred, go }
      if (!bucket.line.join(waiter)) return resolve(this.#refusal(bucket))
      request.signal?.addEventListener('abort', cut, { once: true })
      this.#serve(bucket)
    })
  }

  #refusal(bucket: Bucket): Turn {
    const waitMs = this.#delayMs(bucket) + bucket.line.size * this.#limits.intervalSeconds * 1000
    return { ok: false, reason: 'throttled', retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
  }

  #isLaneFull(bucket: Bucket, preferred: boolean): boolean {
    if (bucket.line.laneSize(preferred) >= this.#limits.laneWaiting) return true
    const inAll = this.#all().reduce((sum, other) => sum + other.line.laneSize(preferred), 0)
    return inAll >= this.#limits.laneWaitingInAll
  }

  /** Gives the turns that are due, and comes back for the next. */
  #serve(bucket: Bucket): void {
    bucket.cancelTimer?.()
    bucket.cancelTimer = null
    while (bucket.line.size > 0 && this.#delayMs(bucket) === 0) bucket.line.next()?.go()
    if (bucket.line.size > 0) bucket.cancelTimer = this.#timer(this.#delayMs(bucket), () => this.#serve(bucket))
  }

  #bucketOf(account: string): Bucket {
    const found = this.#buckets.get(account)
    if (found !== undefined) return found
    if (this.#buckets.size >= this.#limits.maxAccounts && !this.#evictOne()) return this.#sharedBucketOf(account)
    const bucket = newBucket(account)
    this.#buckets.set(account, bucket)
    return bucket
  }

  /** Accounts that find the table full slow each other down, in groups chosen by hash. */
  #sharedBucketOf(account: string): Bucket {
    // In capitals, so that no account's key can be the same.
    const key = `SHARED ${createHash('sha256').update(account).digest().readUInt16BE() % SHARED_BUCKETS}`
    const bucket = this.#shared.get(key) ?? newBucket(key)
    this.#shared.set(key, bucket)
    return bucket
  }

  #evictOne(): boolean {
    let probes = 0
    for (const bucket of this.#buckets.values()) {
      if (probes++ >= EVICTION_PROBES) return false
      this.#buckets.delete(bucket.key)
      if (this.#isIdle(bucket)) return true
      this.#buckets.set(bucket.key, bucket)
    }
    return false
  }

  #delayMs(bucket: Bucket): number {
    return pace.delayMs(bucket, this.#clock.monotonicMs(), this.#limits)
  }

  #isIdle(bucket: Bucket): boolean {
    return bucket.line.size === 0 && bucket.dueMs <= this.#clock.monotonicMs()
  }

  #all(): Bucket[] {
    return [...this.#buckets.values(), ...this.#shared.values()]
  }
}

function newBucket(key: string): Bucket {
  return { key, dueMs: 0, line: new WaitingLine(), cancelTimer: null }
}
