/** A value that must not be shown: it prints as `[secret]` however it is printed. */
import { inspect } from 'node:util'

const HIDDEN = '[secret]'

/** Wraps a secret text. `String()`, templates, JSON and `util.inspect` give `[secret]`; only `reveal()` gives the text. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The secret itself: for the one place that uses it. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [Symbol.toPrimitive](): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

/** The name of the one key that holds a secret; wherever it stands, its value is never shown. */
export const SECRET_KEY = 'jwt_secret'

/** Whether a value at this path is, or lies inside, a secret. */
export function isSecretPath(path: readonly (string | number)[]): boolean {
  return path.includes(SECRET_KEY)
}
