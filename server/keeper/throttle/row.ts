/** The throttle's state as plain rows, and what monotonic instants in them mean after a restart or a reboot. */
import type { Clock } from '../clock.ts'

/** One row to keep, keyed by `kind` and `key`. `savedMs` is monotonic within `bootId`; `state` is JSON that only the throttle reads. */
export interface ThrottleRow {
  readonly kind: 'source' | 'account'
  readonly key: string
  readonly bootId: string
  readonly savedMs: number
  readonly state: string
}

/** What changed since the last time: rows to write, and keys whose rows to delete. */
export interface ThrottleChanges {
  readonly put: ThrottleRow[]
  readonly remove: { readonly kind: ThrottleRow['kind']; readonly key: string }[]
}

/**
 * The instant `atMs` of a row on today's clock: the same within one boot; after another boot, or where the clock began
 * anew within it, what remained (or had passed) when the row was saved counts anew, because nobody can tell how long the
 * machine was off. Never more than `longestMs` ahead.
 */
export function restoreInstant(atMs: number, row: ThrottleRow, clock: Clock, longestMs: number): number {
  const nowMs = clock.monotonicMs()
  const isOfOneRun = row.bootId === clock.bootId && row.savedMs <= nowMs
  const restored = isOfOneRun ? atMs : nowMs + (atMs - row.savedMs)
  return Math.min(restored, nowMs + longestMs)
}
