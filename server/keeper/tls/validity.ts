/** From when to when a certificate of our own is good, made so that a wrong clock breaks nothing. */
import { releasedMs } from '../../operations/version.ts'

const dayMs = 86_400_000

/** Life of a certificate from the day it is made. */
export const lifeMs = 397 * dayMs
/** The longest span that every browser takes of a certificate that was trusted by hand. */
export const longestSpanMs = 825 * dayMs

/** Wall times in milliseconds. */
export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/**
 * The validity of a certificate made at `nowMs`. No right clock shows less than our release: so a clock that stands at
 * 1970 makes nothing that has ended for others, and one that runs years ahead nothing that has not begun.
 */
export function validityAt(nowMs: number): Validity {
  return {
    notBeforeMs: Math.min(nowMs, releasedMs) - dayMs,
    notAfterMs: Math.max(nowMs, releasedMs) + lifeMs,
  }
}

/** Whether a certificate is to be made anew: a third of its life is left, or it was made by a clock that was wrong. */
export function isDue({ notBeforeMs, notAfterMs }: Validity, nowMs: number): boolean {
  const fresh = validityAt(nowMs)
  if (notAfterMs - nowMs < lifeMs / 3 && notAfterMs < fresh.notAfterMs) return true
  const spanMs = (validity: Validity) => validity.notAfterMs - validity.notBeforeMs
  return (
    spanMs({ notBeforeMs, notAfterMs }) > longestSpanMs && spanMs(fresh) + dayMs < spanMs({ notBeforeMs, notAfterMs })
  )
}
