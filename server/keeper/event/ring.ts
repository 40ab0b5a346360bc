/** The last events, numbered within this run of the keeper: an id of a former run is told from one of this one. */

/** What `after` finds: the entries that follow `from`. */
export interface Following<T> {
  readonly from: string
  readonly entries: readonly T[]
}

/** How many events are kept for those who come back. */
export const keptEvents = 1000

/** Keeps the last `size` entries. `epoch` names the run: eight hexadecimal digits. */
export class Ring<T> {
  readonly #epoch: string
  readonly #size: number
  readonly #entries: T[] = []
  #last = 0

  constructor(epoch: string, size = keptEvents) {
    this.#epoch = epoch
    this.#size = size
  }

  /** The id of the newest entry, also before there is one. */
  get head(): string {
    return this.#idOf(this.#last)
  }

  /** Adds what `make` makes of its id. */
  add(make: (id: string) => T): T {
    this.#last += 1
    const entry = make(this.head)
    this.#entries.push(entry)
    if (this.#entries.length > this.#size) this.#entries.shift()
    return entry
  }

  /**
   * Everything after the entry of that id; nothing when none is given. Where that entry's successors are not all here
   * (they made room, or it is a former run's), everything there is: `from` is then another id than the one that was given.
   */
  after(id: string | undefined): Following<T> {
    if (id === undefined) return { from: this.head, entries: [] }
    const [epoch, number] = id.split('-')
    const given = Number(number)
    const before = this.#last - this.#entries.length
    const isKnown = epoch === this.#epoch && given >= before && given <= this.#last
    const start = isKnown ? given : before
    return { from: isKnown ? id : this.#idOf(before), entries: this.#entries.slice(start - before) }
  }

  #idOf(number: number): string {
    return `${this.#epoch}-${number}`
  }
}
