/** What failures cost: penalties that double from the first failure past the free ones, and the forgetting of failures. */

/** The numbers of the penalty. Failures up to `freeFailures` cost nothing; one failure is forgotten each `forgetSeconds` of quiet. */
export interface PenaltyLimits {
  readonly freeFailures: number
  readonly firstPenaltySeconds: number
  readonly maxPenaltySeconds: number
  readonly forgetSeconds: number
}

/** Failures of one source, by the account they were aimed at, and the monotonic instant from which the source is free again. */
export interface Tally {
  failures: Map<string, number>
  quietFromMs: number
}

/** A tally without failures. */
export function emptyTally(): Tally {
  return { failures: new Map(), quietFromMs: 0 }
}

/** The wait, in milliseconds, that the last of so many failures brings. */
export function penaltyMs(failures: number, limits: PenaltyLimits): number {
  if (failures <= limits.freeFailures) return 0
  const doubled = limits.firstPenaltySeconds * 2 ** (failures - limits.freeFailures - 1)
  return Math.min(doubled, limits.maxPenaltySeconds) * 1000
}

/** How many failures a tally holds at most: as many as it takes to reach the longest penalty. */
export function failureCap(limits: PenaltyLimits): number {
  const doublings = Math.ceil(Math.log2(limits.maxPenaltySeconds / limits.firstPenaltySeconds))
  return limits.freeFailures + 1 + Math.max(0, doublings)
}

/** Failures that still count at `nowMs` (monotonic). */
export function failuresAt(tally: Tally, nowMs: number, limits: PenaltyLimits): number {
  return Math.max(0, total(tally) - forgotten(tally, nowMs, limits))
}

/** Milliseconds until the source may try again; 0 when it may. */
export function remainingMs(tally: Tally, nowMs: number): number {
  return Math.max(0, tally.quietFromMs - nowMs)
}

/** Counts a failure at `account`, and starts its penalty. */
export function addFailure(tally: Tally, account: string, nowMs: number, limits: PenaltyLimits): void {
  forget(tally, nowMs, limits)
  // At the cap the failure is not attributed: else failures at an own account would push a victim's out, and a success
  // at the own account would then clear them.
  if (total(tally) < failureCap(limits)) tally.failures.set(account, (tally.failures.get(account) ?? 0) + 1)
  tally.quietFromMs = Math.max(tally.quietFromMs, nowMs + penaltyMs(total(tally), limits))
}

/**
 * Takes back what failures at `account` contributed, and nothing else: who guesses at one account gains nothing by
 * logging in to another in between.
 */
export function forgiveAccount(tally: Tally, account: string, nowMs: number, limits: PenaltyLimits): void {
  forget(tally, nowMs, limits)
  if (!tally.failures.delete(account)) return
  tally.quietFromMs = Math.min(tally.quietFromMs, nowMs + penaltyMs(total(tally), limits))
}

function total(tally: Tally): number {
  let sum = 0
  for (const count of tally.failures.values()) sum += count
  return sum
}

function forgotten(tally: Tally, nowMs: number, limits: PenaltyLimits): number {
  return Math.floor(Math.max(0, nowMs - tally.quietFromMs) / (limits.forgetSeconds * 1000))
}

function forget(tally: Tally, nowMs: number, limits: PenaltyLimits): void {
  let left = forgotten(tally, nowMs, limits)
  tally.quietFromMs += left * limits.forgetSeconds * 1000
  for (const [account, count] of tally.failures) {
    if (left <= 0) return
    if (count > left) tally.failures.set(account, count - left)
    else tally.failures.delete(account)
    left -= count
  }
}
