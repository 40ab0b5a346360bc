/** Log lines about requests that were refused because of their Host or Origin: once a minute for each, and few at all. */
import type { Log } from '../link/log.ts'

const pauseMs = 60_000
/** Whoever invents names fills no disk: so many different lines a minute. */
const maxLines = 64

/** Writes the lines. */
export class RefusalLog {
  readonly #log: Log
  readonly #nowMs: () => number
  /** When each text may be written again, the oldest first. */
  readonly #quietUntil = new Map<string, number>()

  constructor(log: Log, nowMs: () => number) {
    this.#log = log
    this.#nowMs = nowMs
  }

  /** `detail` says what was seen and what to do; it holds no secret. */
  say(reason: string, detail: string): void {
    const now = this.#nowMs()
    for (const [text, untilMs] of this.#quietUntil) {
      if (untilMs > now) break
      this.#quietUntil.delete(text)
    }
    const text = `${reason}: ${detail}`
    if (this.#quietUntil.has(text) || this.#quietUntil.size >= maxLines) return
    this.#quietUntil.set(text, now + pauseMs)
    this.#log('warn', 'a request was refused', { reason, detail })
  }
}
