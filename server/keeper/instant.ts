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
 * Milliseconds since `instant`. Across boots at least the time since this boot has passed, whatever a wall clock that
 * was reset says.
 */
export function elapsedMs(instant: Instant, clock: Clock): number {
  if (instant.boot === clock.bootId) return Math.max(0, clock.monotonicMs() - instant.monotonicMs)
  return Math.max(clock.monotonicMs(), clock.wallMs() - instant.wallMs)
}

/** The wall time of `instant` as the wall clock now counts, in milliseconds: what is shown to people. */
export function shownWallMs(instant: Instant, clock: Clock): number {
  return instant.boot === clock.bootId ? clock.wallMs() - elapsedMs(instant, clock) : instant.wallMs
}

/** Milliseconds of wall time as RFC 3339 in UTC. */
export function toRfc3339(wallMs: number): string {
  return new Date(wallMs).toISOString()
}
