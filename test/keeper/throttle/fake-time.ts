/** A clock that a test moves, and timers that fire on it. */
import type { Clock } from '../../../server/keeper/clock.ts'
import type { Timer } from '../../../server/keeper/throttle/timer.ts'

/** Time that stands still until `advance` moves it; timers on the way fire in order, with their consequences settled. */
export interface FakeTime {
  readonly clock: Clock
  readonly timer: Timer
  advance(seconds: number): Promise<void>
}

/** Makes a fake time at `startMs` of monotonic time in the boot `bootId`. */
export function createFakeTime(startMs = 1_000_000, bootId = 'boot-1'): FakeTime {
  let nowMs = startMs
  const timers = new Set<{ atMs: number; fire: () => void }>()
  const settled = () => new Promise<void>(resolve => setImmediate(resolve))
  return {
    clock: { bootId, monotonicMs: () => nowMs, wallMs: () => nowMs + 1_700_000_000_000 },
    timer(delayMs, fire) {
      const entry = { atMs: nowMs + delayMs, fire }
      timers.add(entry)
      return () => void timers.delete(entry)
    },
    async advance(seconds) {
      const endMs = nowMs + seconds * 1000
      await settled()
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        timers.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.fire()
        await settled()
      }
      nowMs = endMs
    },
  }
}
