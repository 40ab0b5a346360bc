/** Instants that survive a clock that jumps: judged by the monotonic clock within a boot, by the wall clock across boots. */
import type { Clock } from './clock.ts'

/** A moment as all three clocks showed it. */
export interface Instant {
  readonly wallMs: number
  readonly boot: string
  readonly monotonicMs: number
}

/** This moment. */
export function instantNow(clock: Clock): Instant {
  return { wallMs: clock.wallMs(), boot: clock.bootId, monotonicMs: clock.monotonicMs() }
}

/**
 * Milliseconds since `instant`, which the monotonic clock has passed unless it began anew since. Across boots at least the
 * time since this boot has passed, whatever a wall clock that was reset says.
 */
export function elapsedMs(instant: Instant, clock: Clock): number {
  const now = instantNow(clock)
  if (isOfOneRun(instant, now)) return now.monotonicMs - instant.monotonicMs
  return Math.max(now.monotonicMs, now.wallMs - instant.wallMs)
}

/** Whether the monotonic clock ran on from one to the other. In a container it may begin anew within the host's boot. */
function isOfOneRun(earlier: Instant, later: Instant): boolean {
  return earlier.boot === later.boot && earlier.monotonicMs <= later.monotonicMs
}

/** The wall time of `instant` as the wall clock now counts, in milliseconds: what is shown to people. */
export function shownWallMs(instant: Instant, clock: Clock): number {
  const now = instantNow(clock)
  return isOfOneRun(instant, now) ? now.wallMs - (now.monotonicMs - instant.monotonicMs) : instant.wallMs
}

/** Milliseconds of wall time as RFC 3339 in UTC. */
export function toRfc3339(wallMs: number): string {
  return new Date(wallMs).toISOString()
}
