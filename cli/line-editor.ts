/** One line typed on a terminal that interprets no keys itself. */

/** `open`: the line goes on. `cancelled`: Ctrl-C, or Ctrl-D on an empty line. */
export type Outcome = 'open' | 'done' | 'cancelled'

/** Keys of a raw terminal: Enter, Backspace, Ctrl-U, Ctrl-W, Ctrl-C, Ctrl-D; what arrows and function keys send is ignored. */
export class LineEditor {
  readonly #isRaw: boolean
  #characters: string[] = []
  #escape: 'none' | 'begun' | 'sequence' = 'none'

  /** Without `isRaw`, the terminal has interpreted the keys, and everything up to the newline is the line. */
  constructor(isRaw: boolean) {
    this.#isRaw = isRaw
  }

  get line(): string {
    return this.#characters.join('')
  }

  /** Takes what was typed; `rest` is what came after the end of the line. */
  push(typed: string): { outcome: Outcome; rest: string } {
    const characters = [...typed]
    for (const [at, character] of characters.entries()) {
      const outcome = this.#isRaw ? this.#key(character) : this.#take(character)
      if (outcome !== 'open') return { outcome, rest: characters.slice(at + 1).join('') }
    }
    return { outcome: 'open', rest: '' }
  }

  #take(character: string): Outcome {
    if (character === '\n') return 'done'
    this.#characters.push(character)
    return 'open'
  }

  #key(character: string): Outcome {
    if (this.#skipsEscape(character)) return 'open'
    switch (character) {
      case '\r':
      case '\n':
        return 'done'
      case '\u0003':
        return 'cancelled'
      case '\u0004':
        return this.#characters.length === 0 ? 'cancelled' : 'open'
      case '\u0008':
      case '\u007f':
        this.#characters.pop()
        return 'open'
      case '\u0015':
      case '\u0017':
        this.#characters = []
        return 'open'
    }
    if (character >= ' ') this.#characters.push(character)
    return 'open'
  }

  /** `ESC [ … final` and `ESC x`, as ECMA-48 has them. */
  #skipsEscape(character: string): boolean {
    if (this.#escape === 'none') {
      if (character !== '\u001b') return false
      this.#escape = 'begun'
    } else if (this.#escape === 'begun') {
      this.#escape = character === '[' || character === 'O' ? 'sequence' : 'none'
    } else if (character >= '@' && character <= '~') {
      this.#escape = 'none'
    }
    return true
  }
}
