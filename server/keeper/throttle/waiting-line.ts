/** Who waits for a turn at one account: two lanes, one place for each source in each, turns given alternately. */
import type { Source } from './source.ts'

/** Somebody waiting. `go` is called when their turn has come. */
export interface Waiter {
  readonly source: Source
  readonly preferred: boolean
  go(): void
}

/**
 * Sources that logged in to this account before, and its own uid, wait in the preferred lane, everybody else in the other:
 * a flood of strangers cannot fill the owner's lane, and takes at most every second turn from it. As a source has one
 * place in a lane, first come first served is also round robin by source.
 */
export class WaitingLine {
  readonly #preferred = new Map<Source, Waiter>()
  readonly #others = new Map<Source, Waiter>()
  #lastWasPreferred = false

  /** How many wait. */
  get size(): number {
    return this.#preferred.size + this.#others.size
  }

  /** How many wait in that lane. */
  laneSize(preferred: boolean): number {
    return this.#lane(preferred).size
  }

  /** Takes a place at the end of the lane; false when this source has one already. */
  join(waiter: Waiter): boolean {
    const lane = this.#lane(waiter.preferred)
    if (lane.has(waiter.source)) return false
    lane.set(waiter.source, waiter)
    return true
  }

  /** Gives up a place. */
  leave(waiter: Waiter): void {
    const lane = this.#lane(waiter.preferred)
    if (lane.get(waiter.source) === waiter) lane.delete(waiter.source)
  }

  /** Takes out whoever is next: the lanes take turns while both have somebody waiting. Null when nobody waits. */
  next(): Waiter | null {
    const preferred = this.#preferred.size > 0 && !(this.#lastWasPreferred && this.#others.size > 0)
    const [waiter] = this.#lane(preferred).values()
    if (waiter === undefined) return null
    this.#lastWasPreferred = preferred
    this.leave(waiter)
    return waiter
  }

  #lane(preferred: boolean): Map<Source, Waiter> {
    return preferred ? this.#preferred : this.#others
  }
}
