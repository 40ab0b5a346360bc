/** A clock that a test moves, sets and boots anew. */
import type { Clock } from '../../../server/keeper/clock.ts'

/** Time stands still until it is moved. */
export interface MovableClock extends Clock {
  /** Time passes on both clocks. */
  pass(seconds: number): void
  /** Somebody sets the wall clock; nothing else happens. */
  setWall(wallMs: number): void
  /** Another boot: a new id unless `isContainer`, monotonic time from `uptimeSeconds`, a wall clock that shows `wallMs` or goes on. */
  reboot(options?: { wallMs?: number; uptimeSeconds?: number; isContainer?: boolean }): void
}

/** Noon of 2026-03-01, in milliseconds of wall time. */
export const noonMs = Date.UTC(2026, 2, 1, 12)

/** A clock at `wallMs`, a quarter of an hour after the boot. */
export function createMovableClock(wallMs = noonMs): MovableClock {
  let wall = wallMs
  let monotonic = 900_000
  let boots = 1
  return {
    get bootId() {
      return `boot-${boots}`
    },
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    pass(seconds) {
      wall += seconds * 1000
      monotonic += seconds * 1000
    },
    setWall(ms) {
      wall = ms
    },
    reboot({ wallMs: shown = wall, uptimeSeconds = 20, isContainer = false } = {}) {
      if (!isContainer) boots += 1
      wall = shown
      monotonic = uptimeSeconds * 1000
    },
  }
}
