/** One login as a conversation: PAM asks, what was given ahead answers, and what is left goes to the client. */
import type { Attempt, AttemptEvent } from '../pam/attempt.ts'
import { MAX_MESSAGES, type Prompt, wantsAnswer } from '../pam/protocol.ts'
import type { AnswerText } from '../pam/text.ts'

/** How long a text that asks nothing waits for what follows it, before the client is shown it alone. */
const togetherMs = 250
/** And while something given ahead may answer what follows: a step less for a client that expects none. */
const aheadMs = 2000

/** Where a step of the conversation ended: with questions or texts for the client, an account to judge, or the end. */
export type Step =
  | { readonly kind: 'continues'; readonly prompts: readonly Prompt[] }
  | Extract<AttemptEvent, { kind: 'account' | 'result' }>

/** Drives one PAM attempt from question to question. */
export class Conversation {
  readonly attempt: Attempt
  /** Answers given ahead: the password for the first secret, the code for what is asked after it. */
  readonly #ahead: AnswerText[]
  #next: Promise<AttemptEvent> | null = null
  #open: readonly Prompt[] = []
  #rounds = 0
  #isSecretAnswered = false
  #isProved = false

  constructor(attempt: Attempt, ahead: readonly AnswerText[]) {
    this.attempt = attempt
    this.#ahead = [...ahead]
  }

  /** How many answers the client now owes. */
  get openAnswers(): number {
    return this.#open.filter(wantsAnswer).length
  }

  /** How many questions were answered before the account was proved; each may have been a guess. */
  get rounds(): number {
    return this.#rounds
  }

  /** Gives the client's answers, as many as are owed; none where only texts were shown. */
  answer(answers: readonly AnswerText[]): void {
    // The first secret has its answer now: the password that was given ahead is not for a later one.
    if (!this.#isSecretAnswered && this.#asksSecret()) this.#ahead.shift()
    if (this.openAnswers > 0) this.#give(answers)
  }

  /** Goes on until the client or the keeper has to say something. */
  async advance(): Promise<Step> {
    const shown: Prompt[] = []
    for (;;) {
      // A module that chatters without end does not grow an answer without end.
      const event = shown.length < MAX_MESSAGES ? await this.#take(shown.length > 0) : null
      if (event === null) return { kind: 'continues', prompts: shown }
      if (event.kind === 'show') shown.push(...event.messages)
      else if (event.kind === 'ask') {
        this.#open = event.prompts
        if (!this.#answerAhead()) return { kind: 'continues', prompts: [...shown, ...event.prompts] }
      } else {
        if (event.kind === 'account') this.#isProved = true
        return event
      }
    }
  }

  /** The next event; null when one does not follow at once what is to be shown. */
  async #take(hasShown: boolean): Promise<AttemptEvent | null> {
    this.#next ??= this.attempt.next()
    const mayAnswer = this.#ahead.length > 0 && !this.#isProved
    const event = hasShown ? await orNull(this.#next, mayAnswer ? aheadMs : togetherMs) : await this.#next
    if (event !== null) this.#next = null
    return event
  }

  #answerAhead(): boolean {
    const wanted = this.#open.filter(wantsAnswer)
    const [prompt] = wanted
    if (this.#isProved || prompt === undefined || wanted.length > 1 || this.#ahead.length === 0) return false
    // A text is shown while it is typed, and a module may log it: no place for a password.
    if (!this.#isSecretAnswered && prompt.kind !== 'secret') return false
    this.#give(this.#ahead.splice(0, 1))
    return true
  }

  #give(answers: readonly AnswerText[]): void {
    this.#isSecretAnswered ||= this.#asksSecret()
    this.attempt.answer(answers)
    this.#open = []
    if (!this.#isProved) this.#rounds += 1
  }

  #asksSecret(): boolean {
    return this.#open.some(({ kind }) => kind === 'secret')
  }
}

async function orNull<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>(resolve => {
    timer = setTimeout(() => resolve(null), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
