/** Time, handed to every rule: the wall clock, a clock that no one can set, and the boot it belongs to. */
import { readFileSync } from 'node:fs'
import { bootTimeMs } from './libc.ts'

/** Wall time and monotonic time are both in milliseconds; monotonic time counts suspend and starts anew with each `bootId`. */
export interface Clock {
  wallMs(): number
  monotonicMs(): number
  readonly bootId: string
}

/** The machine's own clocks (CLOCK_REALTIME, CLOCK_BOOTTIME) and its boot id. */
export function createSystemClock(): Clock {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return { wallMs: () => Date.now(), monotonicMs: bootTimeMs, bootId }
}

/** A source of randomness: that many unpredictable bytes. */
export type Random = (bytes: number) => Buffer
