/** When a refused login is answered: at the same instant whatever the reason, so that the time tells nothing. */
import type { Random } from '../clock.ts'

/**
 * Milliseconds still to wait when a step that began `elapsedMs` ago is refused: up to the next multiple of `delayMs`, plus
 * up to a twentieth at random. A slow module moves the answer by whole delays, never by its own pace.
 */
export function refusalWaitMs(elapsedMs: number, delayMs: number, random: Random): number {
  const instants = Math.max(1, Math.ceil(elapsedMs / delayMs))
  const jitterMs = (random(2).readUInt16BE(0) / 0x1_0000) * (delayMs / 20)
  return instants * delayMs - elapsedMs + jitterMs
}
