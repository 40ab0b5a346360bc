/** When a browser that was sent to log itself in has come to its end: pure rules, fed with what each look at the daemon gave. */
import type { Knock } from './daemon.ts'

/** So long nobody may be there, and so long no answer may come, in milliseconds: a restart of the daemon is shorter. */
const refusedMs = 2000
const silentMs = 10_000
/** So long a browser may take to open its link: a small machine that has just booted needs a while. */
const lateMs = 60_000

/** One look at the daemon. */
export interface Look {
  readonly knock: Knock
  /** Whether the browser's ticket was spent or replaced before the daemon was asked. */
  readonly isSpent: boolean
  /** The ticket that lies ready now, and which run of the daemon wrote it. */
  readonly next?: { readonly ticket: string | null; readonly run: string }
}

export class Watch {
  readonly #startedMs: number
  readonly #wasWaiting: boolean
  #answeredMs: number
  #refusedMs: number | null = null
  #isLoggedIn = false
  #next: Look['next']

  /** @param wasWaiting what the daemon said before the browser was started: it still says so until the ticket is spent */
  constructor(wasWaiting: boolean, nowMs: number) {
    this.#startedMs = nowMs
    this.#answeredMs = nowMs
    this.#wasWaiting = wasWaiting
  }

  /** Whether the browser's ticket was spent and its session lives. */
  get isLoggedIn(): boolean {
    return this.#isLoggedIn
  }

  /** Why the browser must be ended; null as long as it is well. */
  judge({ knock, isSpent, next }: Look, nowMs: number): string | null {
    if (knock.kind !== 'status') return this.#judgeAbsence(knock, nowMs)
    this.#answeredMs = nowMs
    this.#refusedMs = null
    const { session, waiting } = knock.status
    if (isSpent) {
      // A daemon that was started anew remembers no session that has ended.
      if (session === 'ended' || (session === 'none' && this.#isLoggedIn)) return 'the session has ended'
      this.#isLoggedIn = session === 'active'
      if (this.#isTaken(next)) return 'somebody else took the next ticket'
      return waiting ? 'the browser was asked to log in again' : null
    }
    // What is said of the session is about the one before.
    if (waiting && !this.#wasWaiting) return 'the browser was asked to log in again'
    return nowMs - this.#startedMs >= lateMs ? `the browser did not log in within ${lateMs / 1000} s` : null
  }

  /** Who spends the next ticket ends this browser's session: the kiosk has only one. A new run of the daemon replaces it too. */
  #isTaken(next: Look['next']): boolean {
    const former = this.#next
    if (!this.#isLoggedIn || next === undefined || next.ticket === null) return false
    this.#next = next
    return former !== undefined && former.run === next.run && former.ticket !== next.ticket
  }

  #judgeAbsence({ kind, why }: Exclude<Knock, { kind: 'status' }>, nowMs: number): string | null {
    this.#refusedMs = kind === 'refused' ? (this.#refusedMs ?? nowMs) : null
    const isGone = this.#refusedMs !== null && nowMs - this.#refusedMs >= refusedMs
    return isGone || nowMs - this.#answeredMs >= silentMs ? `the daemon is not there: ${why}` : null
  }
}
