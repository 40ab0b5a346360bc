/** Login: who may try, one PAM attempt each, and what comes of it. Every refusal looks and takes the same. */
import type { From } from '../../link/message.ts'
import { no, type Refusal } from '../../operations/operation.ts'
import type { Input } from '../../operations/table.ts'
import type { Caller } from '../caller.ts'
import type { Clock, Random } from '../clock.ts'
import type { Account } from '../libc.ts'
import type { Attempt } from '../pam/attempt.ts'
import type { Attempts } from '../pam/attempts.ts'
import type { Prompt } from '../pam/protocol.ts'
import { type AnswerText, parseAnswer, parseUserName, type UserName } from '../pam/text.ts'
import type { IssuedTokens, Login, Sessions } from '../session/sessions.ts'
import type { Identity } from '../store/identity.ts'
import type { Store } from '../store/store.ts'
import { isLoopbackSource, parseSource, ROOT_SOURCE, type Source } from '../throttle/source.ts'
import type { Throttle, Attempt as ThrottledAttempt } from '../throttle/throttle.ts'
import type { Admission, Lease } from './admission.ts'
import { Conversation, type Step } from './conversation.ts'
import { refusalWaitMs } from './refusal-time.ts'
import { remoteHost } from './rhost.ts'

export interface LoginsOptions {
  readonly attempts: Attempts
  readonly admission: Admission
  readonly throttle: Throttle
  readonly sessions: Sessions
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly pam: () => { service: string; backend: 'conversation' | 'authenticate-pam' }
  readonly refusalDelayMs: () => number
  readonly isAllowed: (account: Account) => boolean
  readonly findAccount: (name: string) => Promise<Account | null>
  readonly forget: (what: { identity: string }) => Promise<void>
  /** Resolves after that time, or when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Hears what came of a login, when its client does. */
  readonly told?: (outcome: LoginOutcome) => void
}

/** What came of a login; `account` is the name as it was given. */
export type LoginOutcome =
  | { readonly ok: true; readonly identity: Identity; readonly session: string; readonly source: string }
  | { readonly ok: false; readonly account: string; readonly source: string }

type BeginInput = Input<'login.begin'>
type LoginRefusal = Refusal<'login_failed' | 'login_continues' | 'throttled' | 'busy'>
type LoginAnswer = { readonly ok: true; readonly value: IssuedTokens } | LoginRefusal

/** A login between two steps, or at work. */
interface Running {
  readonly conversation: Conversation
  readonly input: Omit<BeginInput, 'password' | 'code'>
  readonly source: Source
  readonly lease: Lease
  readonly throttled: ThrottledAttempt
  /** The name that PAM proved, and the account of that name, which the rules let in; whether its password has to change. */
  proved?: { readonly user: UserName; readonly account: Account; readonly mustChange: boolean }
  /** Its child is gone, although what it said may not all have been told. */
  isOver: boolean
}

/** What a login starts from. */
type Beginning = Pick<Running, 'input' | 'source' | 'throttled'> & { given: { user: UserName; ahead: AnswerText[] } }

function busy(detail: string, retryAfterSeconds: number): Refusal<'busy'> {
  return no('busy', detail, { retry_after: retryAfterSeconds })
}

export class Logins {
  readonly #options: LoginsOptions
  /** Logins that wait for their client, by the id of their open step. */
  readonly #waiting = new Map<string, Running>()
  #inProgress = 0

  constructor(options: LoginsOptions) {
    this.#options = options
  }

  /** Logins whose PAM attempt runs or waits for its client. */
  get inProgress(): number {
    return this.#inProgress
  }

  /** Begins a login. */
  async begin({ password, code, ...input }: BeginInput, caller: Caller): Promise<LoginAnswer> {
    const startedMs = this.#options.clock.monotonicMs()
    const source = caller.door === 'root' ? ROOT_SOURCE : parseSource(caller.from.source)
    caller.note({ account: input.user })
    const { local } = caller.from
    // Bound to nobody it would be anybody's: on loopback browsers send cookies to every port.
    if (input.cookie && !caller.from.secure && caller.from.uid === null && isLoopbackSource(source))
      return busy(
        'whose connection it is could not be told: try again, by https if a proxy of this machine is in between',
        1,
      )
    const turn = await this.#options.throttle.begin({ source, account: input.user, local, signal: caller.signal })
    if (!turn.ok) {
      if (turn.reason === 'cut') return busy('the request was cut', 1)
      return no('throttled', 'too many failed logins: wait, then try again', { retry_after: turn.retryAfterSeconds })
    }
    const given = parseGiven(input.user, password, code)
    if (given === null) {
      turn.attempt.settle('failed')
      return this.#refuse('unsupported_text', input.user, startedMs, caller)
    }
    const running = this.#start({ input, given, source, throttled: turn.attempt }, caller.from)
    if ('ok' in running) {
      turn.attempt.settle('abandoned')
      return running
    }
    return this.#go(running, startedMs, caller)
  }

  /** Answers the open step of a login. Each step is answered once, from where the login began. */
  async answer({ conversation: id, answers }: Input<'login.answer'>, caller: Caller): Promise<LoginAnswer> {
    const startedMs = this.#options.clock.monotonicMs()
    const running = this.#waiting.get(id)
    const source = caller.door === 'root' ? ROOT_SOURCE : parseSource(caller.from.source)
    if (running === undefined || running.source !== source) {
      caller.note({ reason: running === undefined ? 'no_such_login' : 'login_of_another_source' })
      return no('login_failed', 'this login is over: begin again')
    }
    this.#waiting.delete(id)
    caller.note({ account: running.input.user })
    const texts = parseAnswers(answers)
    if (texts === null || texts.length !== running.conversation.openAnswers) {
      running.conversation.attempt.kill()
      giveUp(running)
      return this.#refuse('answers_do_not_fit', running.input.user, startedMs, caller)
    }
    running.lease.setWaiting(false)
    running.conversation.answer(texts)
    return this.#go(running, startedMs, caller)
  }

  /** Starts the PAM attempt, if there is a place for its child. */
  #start({ input, given, source, throttled }: Beginning, from: From): Running | Refusal<'busy'> {
    const { attempts, admission, pam } = this.#options
    let attempt: Attempt | null = null
    const admitted = admission.acquire({ source, local: from.local, evict: () => attempt?.kill() })
    if (!admitted.ok) return busy('too many logins at once: try again', admitted.retryAfterSeconds)
    try {
      attempt = attempts.start({ ...pam(), user: given.user, rhost: remoteHost(from), tty: 'postern' })
    } catch (fault) {
      admitted.lease.release()
      throttled.settle('abandoned')
      throw fault
    }
    const conversation = new Conversation(attempt, given.ahead)
    const running: Running = { conversation, input, source, throttled, lease: admitted.lease, isOver: false }
    this.#inProgress += 1
    // However it ends, and also when its client never comes back.
    void attempt.ended.then(() => this.#release(running))
    return running
  }

  #release(running: Running): void {
    this.#inProgress -= 1
    running.isOver = true
    running.lease.release()
    for (const [id, waiting] of this.#waiting) {
      if (waiting !== running) continue
      this.#waiting.delete(id)
      giveUp(running)
    }
  }

  /** Runs the login to its next answer. */
  async #go(running: Running, startedMs: number, caller: Caller): Promise<LoginAnswer> {
    const { attempt } = running.conversation
    const cut = () => attempt.kill()
    caller.signal.addEventListener('abort', cut, { once: true })
    if (caller.signal.aborted) cut()
    try {
      const end = await this.#judge(running)
      if (end.kind === 'continues') return this.#keepWaiting(running, end.prompts)
      if (end.kind === 'refused') {
        running.throttled.settle('failed')
        return await this.#refuse(end.reason, running.input.user, startedMs, caller)
      }
      running.throttled.settle('succeeded')
      return { ok: true, value: await this.#finish(running, end.account, caller) }
    } catch (fault) {
      attempt.kill()
      // Only who was proved gets as far as something that breaks.
      running.throttled.settle('abandoned')
      throw fault
    } finally {
      caller.signal.removeEventListener('abort', cut)
    }
  }

  /** Follows the conversation, and decides about the account before PAM may change its password. */
  async #judge(running: Running): Promise<Judgement> {
    const { isAllowed, findAccount } = this.#options
    const { conversation } = running
    for (;;) {
      const step: Step = await conversation.advance()
      if (step.kind === 'continues') return step
      if (step.kind === 'account') {
        const account = await findAccount(step.user)
        if (account === null || !isAllowed(account)) {
          conversation.attempt.kill()
          return { kind: 'refused', reason: 'not_in_login_allow' }
        }
        running.proved = { user: step.user, account, mustChange: step.mustChange }
        conversation.attempt.proceed()
      } else if (!step.ok) return { kind: 'refused', reason: step.reason }
      // A directory may spell an account's name in its own way: it is PAM's name that must still be the same.
      else if (running.proved?.user !== step.user) return { kind: 'refused', reason: 'account_not_judged' }
      else return { kind: 'done', account: running.proved.account }
    }
  }

  #keepWaiting(running: Running, prompts: readonly Prompt[]): LoginRefusal {
    const id = this.#options.random(16).toString('base64url')
    if (running.isOver) giveUp(running)
    else this.#waiting.set(id, running)
    running.lease.setWaiting(true)
    return no('login_continues', undefined, { conversation: id, prompts })
  }

  async #finish(running: Running, account: Account, caller: Caller): Promise<IssuedTokens> {
    const { store, clock, sessions, forget } = this.#options
    const [known] = (await store.identities.findByName(account.name)).filter(one => one.uid === account.uid)
    const identity = await store.identities.rememberAccount(account, clock.wallMs())
    if (known && known.groups.join('\0') !== identity.groups.join('\0')) await forget({ identity: identity.id })
    // PAM lets nobody in whose password had to change and did not: whoever knew the old one is out.
    if (running.proved?.mustChange)
      caller.note({ password_changed: true, sessions_ended: await sessions.endAll(identity.id, null) })
    const { cookie = false, expires_seconds: expires, audience } = running.input
    const login: Login = {
      identity,
      kind: cookie ? 'cookie' : 'token',
      amr: running.conversation.rounds > 1 ? ['pwd', 'mfa'] : ['pwd'],
      from: caller.from,
      expiresMs: expires === undefined ? undefined : expires * 1000,
      audience,
    }
    const tokens = await sessions.begin(login)
    caller.note({ user: identity.name, identity: identity.id, session: tokens.session.id })
    this.#options.told?.({ ok: true, identity, session: tokens.session.id, source: tokens.session.source })
    return tokens
  }

  /** The one answer for every refusal. The child is gone by then; the reason goes to the audit trail. */
  async #refuse(reason: string, account: string, startedMs: number, caller: Caller): Promise<LoginRefusal> {
    const { clock, random, refusalDelayMs, sleep, told } = this.#options
    caller.note({ reason })
    // Who hangs up hears no answer, so that its time tells them nothing: they hold up nobody else.
    await sleep(refusalWaitMs(clock.monotonicMs() - startedMs, refusalDelayMs(), random), caller.signal)
    // Not before: who hears of it may be who guesses.
    told?.({ ok: false, account, source: caller.door === 'root' ? ROOT_SOURCE : caller.from.source })
    return no('login_failed')
  }
}

/** Counts a login whose client does not go on: as a failure, once it has answered anything. */
function giveUp({ throttled, conversation }: Running): void {
  throttled.settle(conversation.rounds > 0 ? 'failed' : 'abandoned')
}

type Judgement =
  | Extract<Step, { kind: 'continues' }>
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'done'; readonly account: Account }

function parseAnswers(answers: readonly string[]): AnswerText[] | null {
  const parsed = answers.map(answer => parseAnswer(answer))
  return parsed.every(answer => answer.ok) ? parsed.map(answer => answer.value) : null
}

/** What was given with the first step, fit for PAM, or null when it is not. */
function parseGiven(user: string, password: string | undefined, code: string | undefined) {
  const name = parseUserName(user)
  const given = password === undefined ? [] : [password, ...(code === undefined ? [] : [code])]
  const ahead = parseAnswers(given)
  return name.ok && ahead !== null ? { user: name.value, ahead } : null
}
