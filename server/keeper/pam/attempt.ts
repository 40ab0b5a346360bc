/** One login attempt as the keeper drives it: what the child says as events, what the keeper answers, and a sure end in time. */
import type { ChildEnd, PamChild } from './child-process.ts'
import {
  type AttemptRequest,
  type ChildLine,
  type ChildReason,
  type Phase,
  parseChildLine,
  wantsAnswer,
} from './protocol.ts'
import type { AnswerText, UserName } from './text.ts'

/** Limits in milliseconds: for each step (the child's or the keeper's), for the whole attempt, and for a password change on its way. */
export interface AttemptLimits {
  stepMs: number
  totalMs: number
  finishMs: number
}

/** Why an attempt failed: PAM's no, or the end of a child that crashed, was too slow, was killed or spoke garbage. */
export type FailureReason = ChildReason | 'crashed' | 'timeout' | 'killed' | 'garbage'

/** The last event. `code` is PAM's, 0 when PAM gave none; `message` is for the audit trail. */
export type AttemptResult =
  | { kind: 'result'; ok: true; user: UserName }
  | { kind: 'result'; ok: false; phase: Phase; code: number; reason: FailureReason; message: string }

/** What happens in an attempt. After `ask` the keeper answers, after `account` it proceeds or kills. */
export type AttemptEvent = Exclude<ChildLine, { kind: 'result' }> | AttemptResult

/** A running attempt. What its methods are given after its end is ignored: `next` tells the result. */
export interface Attempt {
  readonly pid: number | undefined
  /** The next event, one call at a time; after the result always the result. Never rejects. */
  next(): Promise<AttemptEvent>
  /** One answer for each secret and text of the open question. Throws a TypeError when there is none or the number is wrong. */
  answer(answers: readonly AnswerText[]): void
  /** Lets the account in that the `account` event named, and change its expired password. Throws a TypeError at any other time. */
  proceed(): void
  /** Ends the attempt with `killed`; one that is writing a new password finishes that first and gives its own result. */
  kill(): void
  /** Resolves when the process is gone. */
  readonly ended: Promise<ChildEnd>
}

/** Drives a fresh child through one attempt; its first line is sent at once. `onAnswered` hears of each answer that it works on. */
export function driveAttempt(
  child: PamChild,
  request: AttemptRequest,
  limits: AttemptLimits,
  onAnswered: () => void = () => {},
): Attempt {
  return new DrivenAttempt(child, request, limits, onAnswered)
}

class DrivenAttempt implements Attempt {
  readonly pid: number | undefined
  readonly ended: Promise<ChildEnd>
  readonly #child: PamChild
  readonly #limits: AttemptLimits
  readonly #onAnswered: () => void
  readonly #events: AttemptEvent[] = []
  #waiting: ((event: AttemptEvent) => void) | null = null
  #result: AttemptResult | null = null
  #phase: Phase = 'authenticate'
  /** What the child waits for: so many answers, the word to go on, or nothing. */
  #open: number | 'proceed' | null = null
  #mustChange = false
  /** Why it ends as soon as it may. */
  #postponed: FailureReason | null = null
  #step: NodeJS.Timeout | undefined
  readonly #total: NodeJS.Timeout

  constructor(child: PamChild, request: AttemptRequest, limits: AttemptLimits, onAnswered: () => void) {
    this.pid = child.pid
    this.#child = child
    this.#limits = limits
    this.#onAnswered = onAnswered
    this.#total = setTimeout(() => this.#end('timeout'), limits.totalMs)
    this.ended = child.ended.then(how => this.#settle(how))
    child.listen(
      text => this.#receive(text),
      () => this.#fail('garbage'),
    )
    this.#say(request)
  }

  next(): Promise<AttemptEvent> {
    const event = this.#events.shift() ?? this.#result
    if (event !== null) return Promise.resolve(event)
    if (this.#waiting !== null) throw new TypeError('attempt: next() is already waiting')
    return new Promise(resolve => {
      this.#waiting = resolve
    })
  }

  answer(answers: readonly AnswerText[]): void {
    if (this.#result !== null) return
    if (this.#open !== answers.length) throw new TypeError('attempt: expected one answer for each open prompt')
    this.#say({ answers })
    this.#onAnswered()
  }

  proceed(): void {
    if (this.#result !== null) return
    if (this.#open !== 'proceed') throw new TypeError('attempt: no account waits to proceed')
    if (this.#mustChange) this.#phase = 'chauthtok'
    this.#say({ proceed: true })
  }

  kill(): void {
    if (this.#result === null) this.#end('killed')
  }

  #receive(text: string): void {
    if (this.#result !== null) return
    const line = parseChildLine(text)
    if (line === null || !this.#isInTurn(line)) return this.#fail('garbage')
    // It asks, so nothing is half written.
    if (line.kind === 'ask' && this.#postponed !== null) return this.#fail(this.#postponed)
    if (line.kind === 'ask') this.#open = line.prompts.filter(wantsAnswer).length
    if (line.kind === 'account') {
      this.#phase = 'account'
      this.#open = 'proceed'
      this.#mustChange = line.mustChange
    }
    this.#emit(line)
    this.#restartStep()
  }

  /** A crashing module may write anything: nobody is let in whose account the keeper did not see. */
  #isInTurn(line: ChildLine): boolean {
    if (this.#open !== null) return false
    if (line.kind === 'account') return this.#phase === 'authenticate'
    return line.kind !== 'result' || !line.ok || this.#phase !== 'authenticate'
  }

  #emit(event: AttemptEvent): void {
    if (event.kind === 'result') this.#result = event
    if (this.#waiting === null) this.#events.push(event)
    else this.#waiting(event)
    this.#waiting = null
  }

  #say(line: object): void {
    this.#open = null
    this.#child.send(line)
    this.#restartStep()
  }

  #restartStep(): void {
    clearTimeout(this.#step)
    this.#step = setTimeout(
      () => this.#fail('timeout'),
      this.#isChanging() ? this.#limits.finishMs : this.#limits.stepMs,
    )
  }

  /** The child may be writing the new password: to kill it now could leave half of it. */
  #isChanging(): boolean {
    return this.#phase === 'chauthtok' && this.#open === null && this.#result === null
  }

  #end(reason: FailureReason): void {
    if (this.#isChanging()) this.#postponed ??= reason
    else this.#fail(reason)
  }

  #fail(reason: FailureReason, message = ''): void {
    if (this.#result === null) this.#emit({ kind: 'result', ok: false, phase: this.#phase, code: 0, reason, message })
    this.#child.kill()
  }

  #settle(how: ChildEnd): ChildEnd {
    this.#fail('crashed', how.signal ?? `exit code ${how.exitCode}`)
    clearTimeout(this.#step)
    clearTimeout(this.#total)
    return how
  }
}
