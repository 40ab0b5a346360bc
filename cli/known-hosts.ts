/** The public keys of posterns on other machines, as a person has confirmed them, by origin. */
import { PrivateFile } from './private-file.ts'

/** `SHA256:` and the base64 of the key's hash. */
export type Pin = string

const pinShape = /^SHA256:[A-Za-z0-9+/]{43}$/

/** Whether the text is a pin. */
export function isPin(text: unknown): text is Pin {
  return typeof text === 'string' && pinShape.test(text)
}

type Pins = { readonly [origin: string]: Pin }

/** The file `hosts.json`. */
export class KnownHosts {
  readonly #file: PrivateFile<{ readonly pins: Pins }>

  /** `uid` must own the directory and the file. */
  constructor(directory: string, uid: number) {
    this.#file = new PrivateFile({ directory, name: 'hosts.json', uid }, { empty: { pins: {} }, parse: parsePins })
  }

  /** The pin of `origin`, or null. Throws a `CommandFault` when the file could have been written by others. */
  find(origin: string): Pin | null {
    const { pins } = this.#file.read()
    return Object.hasOwn(pins, origin) ? (pins[origin] ?? null) : null
  }

  /** Keeps the pin of `origin` in place of a former one. */
  async keep(origin: string, pin: Pin): Promise<void> {
    await this.#file.change(async kept =>
      kept.pins[origin] === pin ? kept : { pins: { ...kept.pins, [origin]: pin } },
    )
  }
}

function parsePins(json: unknown): { pins: Pins } | null {
  const { pins } = json as { pins?: unknown }
  if (typeof pins !== 'object' || pins === null || Array.isArray(pins)) return null
  return Object.values(pins).every(isPin) ? { pins: pins as Pins } : null
}
