/** How long to wait before a browser is started again: not at all, unless one after the other ends quickly. */

/** The waits, in milliseconds, for the first that ended quickly, the second in a row, and so on. */
const pausesMs = [0, 1000, 2000, 5000, 10_000] as const
/** Who lived so long did not end quickly. */
const quickMs = 10_000

export class Pace {
  #quick = 0

  /** The wait after a browser that lived so long. */
  next(livedMs: number): number {
    if (livedMs >= quickMs) this.#quick = 0
    const pauseMs = pausesMs[Math.min(this.#quick, pausesMs.length - 1)] ?? 0
    this.#quick += 1
    return pauseMs
  }
}
