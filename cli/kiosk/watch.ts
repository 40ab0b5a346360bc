/** When a browser that was sent to log itself in has come to its end: pure rules, fed with what each look at the daemon gave. */
import type { Knock, Traces } from './daemon.ts'

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
  /** What the daemon left to be seen after it was asked. */
  readonly traces: Traces
}

/** How things stood when the browser was started. */
export interface Start {
  /** What the daemon said then: it still says so until the ticket is spent. */
  readonly wasWaiting: boolean
  readonly traces: Traces
  readonly nowMs: number
}

export class Watch {
  readonly #start: Start
  #answeredMs: number
  #refusedMs: number | null = null
  #isLoggedIn = false
  /** The ticket of the look before, with its run; null until the login. */
  #former: Traces | null = null
  #sockets: readonly string[]

  constructor(start: Start) {
    this.#start = start
    this.#answeredMs = start.nowMs
    this.#sockets = start.traces.sockets
  }

  /** Whether the browser's ticket was spent and its session lives. */
  get isLoggedIn(): boolean {
    return this.#isLoggedIn
  }

  /** Why the browser must be ended; null as long as it is well. */
  judge({ knock, isSpent, traces }: Look, nowMs: number): string | null {
    if (knock.kind !== 'status') return this.#judgeAbsence(knock, nowMs)
    this.#answeredMs = nowMs
    this.#refusedMs = null
    const { session, waiting } = knock.status
    // Whatever the browser asked for meanwhile has become its error page.
    if (this.#wasShut(traces)) return 'the daemon refused connections for a while'
    // A new run replaces the ticket: it looks spent, and the session that is told of may be the one before.
    if (!this.#isLoggedIn && traces.run !== this.#start.traces.run)
      return 'the daemon was started anew before the login'
    if (isSpent) {
      // A daemon that was started anew remembers no session that has ended.
      if (session === 'ended' || (session === 'none' && this.#isLoggedIn)) return 'the session has ended'
      this.#isLoggedIn = session === 'active'
      if (this.#isTaken(traces)) return 'somebody else took the next ticket'
    }
    // Before the ticket is spent, what is said is about the browser before.
    if (waiting && (isSpent || !this.#start.wasWaiting)) return 'the browser was asked to log in again'
    const isLate = !this.#isLoggedIn && nowMs - this.#start.nowMs >= lateMs
    return isLate ? `the browser did not log in within ${lateMs / 1000} s` : null
  }

  /** Whether nobody listened between this look and the one before. */
  #wasShut({ sockets }: Traces): boolean {
    const former = this.#sockets
    if (sockets.length === 0) return false
    this.#sockets = sockets
    return former.length > 0 && !former.some(socket => sockets.includes(socket))
  }

  /** Who spends the next ticket ends this browser's session: the kiosk has only one. A new run of the daemon replaces it too. */
  #isTaken(traces: Traces): boolean {
    const former = this.#former
    if (!this.#isLoggedIn || traces.ticket === null) return false
    this.#former = traces
    return former !== null && former.run === traces.run && former.ticket !== traces.ticket
  }

  #judgeAbsence({ kind, why }: Exclude<Knock, { kind: 'status' }>, nowMs: number): string | null {
    this.#refusedMs = kind === 'refused' ? (this.#refusedMs ?? nowMs) : null
    const isGone = this.#refusedMs !== null && nowMs - this.#refusedMs >= refusedMs
    return isGone || nowMs - this.#answeredMs >= silentMs ? `the daemon is not there: ${why}` : null
  }
}
