/** Questions to the machine's directory of accounts: remembered, asked one at a time, and waited for only so long. */
import type { Clock } from './clock.ts'
import type { Timer } from './throttle/timer.ts'

/** In milliseconds: how long an answer counts, how soon it is asked again when there was none, how long anybody waits for it. */
const freshMs = 50_000
const againMs = 5000
const patienceMs = 1000

/** Answers remembered, the one that was asked for first makes room; and questions that may wait for theirs. */
const maxAnswers = 4096

/** True, false, or null while the system could not say. */
type Answer = boolean | null

export interface LookUpsOptions<Key> {
  readonly clock: Clock
  readonly timer: Timer
  /** Rejects when the system could not look: an account behind a directory that is down is not gone. */
  readonly look: (key: Key) => Promise<boolean>
}

/** One kind of yes-or-no question, by what it is about. */
export class LookUps<Key> {
  readonly #options: LookUpsOptions<Key>
  readonly #known = new Map<Key, { readonly answer: Answer; readonly untilMs: number }>()
  readonly #underWay = new Map<Key, Promise<Answer>>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: LookUpsOptions<Key>) {
    this.#options = options
  }

  /**
   * What was found out within the last minute, without a promise; else what is found out now. When that takes more than
   * a second, or cannot be done, it is what was known before, and null when that is nothing.
   */
  find(key: Key): Answer | Promise<Answer> {
    const known = this.#known.get(key)
    if (known !== undefined && this.#options.clock.monotonicMs() < known.untilMs) return known.answer
    const former = known?.answer ?? null
    return this.#underWay.get(key) ?? (this.#underWay.size < maxAnswers ? this.#look(key, former) : former)
  }

  /** Takes an answer that was found out by another way. */
  tell(key: Key, answer: boolean): void {
    this.#keep(key, answer, freshMs)
  }

  #look(key: Key, former: Answer): Promise<Answer> {
    const { look, timer } = this.#options
    // One after the other: a directory that hangs takes one thread, not all of them.
    const looked = this.#turn
      .then(() => look(key))
      .then(
        answer => this.#keep(key, answer, freshMs),
        () => this.#keep(key, former, againMs),
      )
    this.#turn = looked
    const inTime = new Promise<Answer>(resolve => {
      const cancel = timer(patienceMs, () => resolve(former))
      void looked.then(answer => {
        cancel()
        this.#underWay.delete(key)
        resolve(answer)
      })
    })
    this.#underWay.set(key, inTime)
    return inTime
  }

  #keep(key: Key, answer: Answer, forMs: number): Answer {
    this.#known.delete(key)
    const [oldest] = this.#known.keys()
    if (this.#known.size >= maxAnswers && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(key, { answer, untilMs: this.#options.clock.monotonicMs() + forMs })
    return answer
  }
}
