/** What the gate remembers of tokens the keeper told it about: bounded, for a time, until it is told to forget. */
import type { Forget } from '../link/message.ts'
import type { Output } from '../operations/table.ts'

/** A session as the keeper described it. `untilMs` is in milliseconds of `performance.now()`. */
export interface Remembered {
  readonly token: string
  readonly current: Output<'session.resolve'>['current']
  readonly boundUid: number | null
  readonly localOnly: boolean
  readonly untilMs: number
  /** The body of a bare access.check, made once. */
  readonly checkBody: string
}

/** Tokens remembered at once; the one told of first makes room, and is asked for again when it is used. */
const maxTokens = 10_000

/** Answers of the keeper by token. */
export class Memory {
  readonly #byToken = new Map<string, Remembered>()
  #epoch = 0

  /** Changes whenever something was to be forgotten: an answer that was asked for before counts no more. */
  get epoch(): number {
    return this.#epoch
  }

  find(token: string, nowMs: number): Remembered | null {
    const found = this.#byToken.get(token)
    if (found === undefined) return null
    if (found.untilMs > nowMs) return found
    this.#byToken.delete(token)
    return null
  }

  remember(token: string, told: Output<'session.resolve'>, nowMs: number): Remembered {
    const { current, valid_ms: validMs, bound_uid: boundUid, local_only: localOnly } = told
    const checkBody = JSON.stringify({ user: current.user, permission: null })
    const remembered = { token, current, boundUid, localOnly, checkBody, untilMs: nowMs + validMs }
    const [oldest] = this.#byToken.keys()
    if (this.#byToken.size >= maxTokens && oldest !== undefined) this.#byToken.delete(oldest)
    this.#byToken.set(token, remembered)
    return remembered
  }

  forget(what: Forget): void {
    this.#epoch += 1
    if (what === 'everything') return this.#byToken.clear()
    for (const [token, { current }] of this.#byToken) {
      const isMeant = 'session' in what ? current.session.id === what.session : current.user.id === what.identity
      if (isMeant) this.#byToken.delete(token)
    }
  }
}
