/** How fast attempts at one account may follow each other, whoever makes them (the generic cell rate algorithm). */

/** `burst` attempts at once, then one each `intervalSeconds`. */
export interface PaceLimits {
  readonly burst: number
  readonly intervalSeconds: number
}

/** `dueMs` is the monotonic instant at which everything admitted so far has worn off. */
export interface Pace {
  dueMs: number
}

/** Milliseconds until one more attempt fits; 0 when it fits now. */
export function delayMs(pace: Pace, nowMs: number, limits: PaceLimits): number {
  const toleranceMs = (limits.burst - 1) * limits.intervalSeconds * 1000
  return Math.max(0, pace.dueMs - toleranceMs - nowMs)
}

/** Counts an attempt that starts now. Returns the instant at which it will have worn off. */
export function admit(pace: Pace, nowMs: number, limits: PaceLimits): number {
  pace.dueMs = Math.max(pace.dueMs, nowMs) + limits.intervalSeconds * 1000
  return pace.dueMs
}

/** Gives back what is left of an attempt that turned out to be no guess. What has worn off is not given back: that would pay for others' guesses. */
export function refund(pace: Pace, wornOffMs: number, nowMs: number, limits: PaceLimits): void {
  pace.dueMs -= Math.min(limits.intervalSeconds * 1000, Math.max(0, wornOffMs - nowMs))
}
