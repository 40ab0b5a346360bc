/** Failures by source: who must wait, and for how long, in a table that cannot be made to grow or to drop a live penalty. */
import * as z from 'zod'
import type { Clock } from '../clock.ts'
import { restoreInstant, type ThrottleRow } from './row.ts'
import * as rules from './rules.ts'
import { parseSource, type Source } from './source.ts'

/** The penalty's numbers, and how many sources are told apart. */
export interface SourceLimits extends rules.PenaltyLimits {
  readonly maxSources: number
}

/** How an attempt ended: `abandoned` when no secret was tried. */
export type Outcome = 'failed' | 'succeeded' | 'abandoned'

/** An attempt that was let in and counts as a failure until `settle` says otherwise; called exactly once. */
export interface SourceAttempt {
  settle(outcome: Outcome): void
}

/** A no, and the whole seconds after which another attempt may be let in. */
export interface SourceRefusal {
  readonly ok: false
  readonly retryAfterSeconds: number
}

/** A source as an administrator sees it; `accounts` are those its failures were aimed at. */
export interface SourceState {
  readonly source: string
  readonly failures: number
  readonly retryAfterSeconds: number
  readonly accounts: readonly string[]
}

interface Entry extends rules.Tally {
  readonly key: string
  pending: number
}

const EVICTION_PROBES = 64

const State = z.strictObject({
  quietFrom: z.number(),
  failures: z.array(z.tuple([z.string(), z.int().positive()])),
})

/**
 * The table. `changed` is called with an entry's key whenever its row should be written or deleted, `blocked` with a source
 * that has to wait because of one more failure.
 */
export class SourceTable {
  readonly #clock: Clock
  readonly #limits: SourceLimits
  readonly #changed: (key: string) => void
  readonly #blocked: (state: SourceState) => void
  readonly #entries = new Map<string, Entry>()
  // Whoever finds the table full. Local users have a bucket of their own: a flood from the network must not reach them.
  readonly #overflow = newEntry('overflow')
  readonly #overflowLocal = newEntry('overflow:local')

  constructor(
    clock: Clock,
    limits: SourceLimits,
    changed: (key: string) => void,
    blocked: (state: SourceState) => void = () => {},
  ) {
    this.#blocked = blocked
    this.#clock = clock
    this.#limits = limits
    this.#changed = changed
  }

  /** Lets an attempt in, or says when to come again. Side effect: an attempt let in is counted at once. */
  begin(source: Source, account: string): { readonly ok: true; readonly attempt: SourceAttempt } | SourceRefusal {
    const entry = this.#entryOf(source)
    const waitSeconds = this.#waitSeconds(entry)
    if (waitSeconds > 0) return { ok: false, retryAfterSeconds: waitSeconds }
    entry.pending += 1
    return { ok: true, attempt: { settle: outcome => this.#settle(entry, account, outcome) } }
  }

  /** Every source with failures that still count. */
  list(): SourceState[] {
    const nowMs = this.#clock.monotonicMs()
    const states = this.#all().map(entry => this.#stateOf(entry, nowMs))
    return states.filter(state => state.failures > 0)
  }

  /** Forgets the failures of a source, at an account, or both at once; all of them without either. Returns how many sources it changed. */
  clear(source?: string, account?: string): number {
    let cleared = 0
    for (const entry of this.#all()) {
      if (source !== undefined && entry.key !== source) continue
      if (account === undefined ? entry.failures.size === 0 : !entry.failures.has(account)) continue
      if (account === undefined) Object.assign(entry, rules.emptyTally())
      else rules.forgiveAccount(entry, account, this.#clock.monotonicMs(), this.#limits)
      cleared += 1
      this.#changed(entry.key)
      this.#dropIfIdle(entry)
    }
    return cleared
  }

  /** Drops what is forgotten. */
  sweep(): void {
    for (const entry of this.#all()) this.#dropIfIdle(entry)
  }

  /** The keys of all entries. */
  keys(): string[] {
    return this.#all().map(entry => entry.key)
  }

  /** The row of an entry, or null when there is nothing to keep. */
  rowOf(key: string): ThrottleRow | null {
    const entry = this.#find(key)
    const savedMs = this.#clock.monotonicMs()
    if (entry === undefined || rules.failuresAt(entry, savedMs, this.#limits) === 0) return null
    const state = JSON.stringify({ quietFrom: entry.quietFromMs, failures: [...entry.failures] })
    return { kind: 'source', key, bootId: this.#clock.bootId, savedMs, state }
  }

  /** Takes a kept row back. Throws when its state is not what `rowOf` writes. */
  restore(row: ThrottleRow): void {
    const state = State.parse(JSON.parse(row.state))
    const entry = this.#find(row.key) ?? this.#entryOf(parseSource(row.key))
    entry.failures = new Map(state.failures)
    entry.quietFromMs = restoreInstant(state.quietFrom, row, this.#clock, this.#limits.maxPenaltySeconds * 1000)
    this.#dropIfIdle(entry)
  }

  #waitSeconds(entry: Entry): number {
    const nowMs = this.#clock.monotonicMs()
    const waitMs = rules.remainingMs(entry, nowMs)
    if (waitMs > 0) return Math.ceil(waitMs / 1000)
    // An attempt under way counts as if it had failed: parallel guesses must not slip in before their failures count.
    const assumed = rules.failuresAt(entry, nowMs, this.#limits) + entry.pending
    if (entry.pending === 0 || assumed <= this.#limits.freeFailures) return 0
    return Math.max(1, Math.ceil(this.#limits.firstPenaltySeconds))
  }

  #settle(entry: Entry, account: string, outcome: Outcome): void {
    const nowMs = this.#clock.monotonicMs()
    entry.pending -= 1
    if (outcome === 'failed') {
      rules.addFailure(entry, account, nowMs, this.#limits)
      if (rules.remainingMs(entry, nowMs) > 0) this.#blocked(this.#stateOf(entry, nowMs))
    }
    // In the overflow strangers share a tally: a success there must not clear what others did.
    if (outcome === 'succeeded' && !this.#isOverflow(entry)) rules.forgiveAccount(entry, account, nowMs, this.#limits)
    if (outcome !== 'abandoned') this.#changed(entry.key)
    this.#dropIfIdle(entry)
  }

  #entryOf(source: Source): Entry {
    const found = this.#entries.get(source)
    if (found !== undefined) return found
    if (this.#entries.size >= this.#limits.maxSources && !this.#evictOne())
      return source.startsWith('uid:') ? this.#overflowLocal : this.#overflow
    const entry = newEntry(source)
    this.#entries.set(source, entry)
    return entry
  }

  /** Makes room, never by dropping a live penalty or an attempt under way. Probed entries go to the end, so that each is probed in turn. */
  #evictOne(): boolean {
    const nowMs = this.#clock.monotonicMs()
    let probes = 0
    for (const entry of this.#entries.values()) {
      if (probes++ >= EVICTION_PROBES) return false
      this.#entries.delete(entry.key)
      if (entry.pending === 0 && rules.remainingMs(entry, nowMs) === 0) {
        this.#changed(entry.key)
        return true
      }
      this.#entries.set(entry.key, entry)
    }
    return false
  }

  #dropIfIdle(entry: Entry): void {
    if (entry.pending > 0 || rules.failuresAt(entry, this.#clock.monotonicMs(), this.#limits) > 0) return
    if (entry.failures.size > 0) this.#changed(entry.key)
    entry.failures.clear()
    if (!this.#isOverflow(entry)) this.#entries.delete(entry.key)
  }

  #stateOf(entry: Entry, nowMs: number): SourceState {
    return {
      source: entry.key,
      failures: rules.failuresAt(entry, nowMs, this.#limits),
      retryAfterSeconds: Math.ceil(rules.remainingMs(entry, nowMs) / 1000),
      accounts: [...entry.failures.keys()],
    }
  }

  #isOverflow(entry: Entry): boolean {
    return entry === this.#overflow || entry === this.#overflowLocal
  }

  #find(key: string): Entry | undefined {
    return this.#entries.get(key) ?? [this.#overflow, this.#overflowLocal].find(entry => entry.key === key)
  }

  #all(): Entry[] {
    return [...this.#entries.values(), this.#overflow, this.#overflowLocal]
  }
}

function newEntry(key: string): Entry {
  return { key, pending: 0, ...rules.emptyTally() }
}
