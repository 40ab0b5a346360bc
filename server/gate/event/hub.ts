/** All subscribers of this gate: events go to those whom the keeper named, who are asked for again when it may say otherwise. */
import type { Answer, Forget, From, ToGate } from '../../link/message.ts'
import { no, type Refusal } from '../../operations/operation.ts'
import type { Input } from '../../operations/table.ts'
import { Audience, type Credential, type Granted, readyAt, type Told } from './audience.ts'
import type { Subscriber } from './subscriber.ts'

type Push = Extract<ToGate, { type: 'event' }>

export interface HubOptions {
  /** Asks the keeper for `event.subscribe`. */
  readonly ask: (input: Input<'event.subscribe'>, token: string | null, from: From) => Promise<Answer>
  readonly limits?: Partial<HubLimits>
}

/** Bounds, and how often it is looked for signs of life, in milliseconds. */
export interface HubLimits {
  /** Subscribers at once: of this gate, and of one identity. */
  readonly subscribers: number
  readonly subscribersOfOne: number
  readonly pingMs: number
}

/** A stream that the keeper has granted and that has no WebSocket yet. */
export interface Opening {
  readonly ok: true
  readonly credential: Credential
  readonly from: From
  readonly granted: Granted
  readonly since: string | undefined
  /** Of the hub, when the keeper was asked. */
  readonly doubts: number
}

const usualLimits: HubLimits = { subscribers: 12_000, subscribersOfOne: 6_000, pingMs: 30_000 }
/** Questions to the keeper at once, so that its other callers are not turned away. */
const maxAsking = 32
/** How long subscribers whose session has ended may take to go. */
const leaveMs = 800
/** How often it is looked for what is over, in milliseconds. */
const sweepMs = 250
/** Events kept for those whom the keeper is just being asked for. */
const keptPushes = 1000

export class Hub {
  readonly #options: HubOptions
  readonly #limits: HubLimits
  readonly #audiences = new Map<string, Audience>()
  readonly #pushed: (Told & { to: readonly string[] })[] = []
  #last = ''
  #subscribers = 0
  #asking = 0
  #doubts = 0
  #isClosing = false

  constructor(options: HubOptions) {
    this.#options = options
    this.#limits = { ...usualLimits, ...options.limits }
    setInterval(() => this.#sweep(), sweepMs).unref()
    setInterval(() => this.#each(subscriber => subscriber.ask()), this.#limits.pingMs).unref()
  }

  /** Asks the keeper for a new stream. A ticket is spent by this. */
  async open(
    { token, ticket }: { token: string | null; ticket: string | null },
    from: From,
    since: string | undefined,
  ): Promise<Opening | Refusal> {
    if (this.#subscribers >= this.#limits.subscribers || this.#isClosing) return no('busy', 'too many listen')
    const doubts = this.#doubts
    const answer = await this.#options.ask({ since, ...(ticket !== null && { ticket }) }, token, from)
    if (!answer.ok) return answer
    const granted = answer.value as Granted
    if (this.#countOf(granted.identity) >= this.#limits.subscribersOfOne)
      return no('busy', 'too many listen as this user')
    return { ok: true, credential: { token, handle: granted.handle }, from, granted, since, doubts }
  }

  /** Lets a subscriber hear what it was granted, and everything that came since. */
  admit({ credential, from, granted, since, doubts }: Opening, subscriber: Subscriber): void {
    const key = JSON.stringify([credential, from])
    const audience = this.#audiences.get(key) ?? new Audience(key, credential, from)
    this.#audiences.set(key, audience)
    // The keeper may have changed its mind since it was asked: then it is asked again before anything is told.
    if (doubts !== this.#doubts) audience.doubt(this.#last)
    audience.subscribers.add(subscriber)
    this.#subscribers += 1
    subscriber.whenGone(() => this.#remove(audience, subscriber))
    subscriber.at = granted.from
    subscriber.begin(readyAt(granted.from, since !== undefined && granted.from !== since))
    if (audience.isInDoubt) return this.settle()
    audience.settle(granted, performance.now())
    audience.catchUp(subscriber, granted, this.#pushed)
  }

  /** Something happened. */
  push({ event, to }: Push): void {
    this.#last = event.id
    const told = { event, to, json: Buffer.from(JSON.stringify(event)) }
    this.#pushed.push(told)
    if (this.#pushed.length > keptPushes) this.#pushed.shift()
    for (const audience of this.#audiences.values()) if (audience.hears(to)) audience.tell(told)
  }

  /** From this moment on nothing goes to those meant, until the keeper has said again what they may hear. */
  forget(what: Forget): void {
    this.#doubts += 1
    for (const audience of this.#audiences.values()) {
      const { session, identity } = audience
      const isMeant =
        what === 'everything' || ('session' in what ? session === what.session : identity === what.identity)
      if (isMeant) audience.doubt(this.#last)
    }
    // It is told when the link is lost, too: the next keeper may be another run, whose events have other ids.
    if (what === 'everything') {
      this.#last = ''
      this.#pushed.length = 0
    }
    this.settle()
  }

  /** Asks the keeper about those in doubt. */
  settle(): void {
    for (const audience of this.#audiences.values()) {
      if (this.#asking >= maxAsking) return
      if (audience.isInDoubt && !audience.isBeingAsked) void this.#ask(audience)
    }
  }

  /** Ends all streams: the gate goes away. */
  close(): void {
    this.#isClosing = true
    for (const audience of this.#audiences.values()) audience.close('shutdown')
  }

  async #ask(audience: Audience): Promise<void> {
    const { credential, from, doubts } = audience
    const { handle, token } = credential
    this.#asking += 1
    audience.isBeingAsked = true
    const { since } = audience
    const answer = await this.#options.ask({ since, ...(handle !== null && { handle }) }, token, from)
    this.#asking -= 1
    audience.isBeingAsked = false
    if (answer.ok && audience.doubts === doubts) this.#resume(audience, answer.value as Granted)
    else if (!answer.ok && answer.reason === 'unauthenticated') this.#end(audience)
    // What is busy or away is asked again by the next sweep.
    if (answer.ok || answer.reason === 'unauthenticated') this.settle()
  }

  #resume(audience: Audience, granted: Granted): void {
    audience.settle(granted, performance.now())
    for (const subscriber of audience.subscribers) audience.catchUp(subscriber, granted, this.#pushed)
  }

  #end(audience: Audience): void {
    this.#audiences.delete(audience.key)
    audience.close('unauthenticated')
    setTimeout(() => audience.cut(), leaveMs).unref()
  }

  #sweep(): void {
    const nowMs = performance.now()
    for (const audience of this.#audiences.values()) if (audience.untilMs <= nowMs) audience.doubt(this.#last)
    this.settle()
  }

  #remove(audience: Audience, subscriber: Subscriber): void {
    if (!audience.subscribers.delete(subscriber)) return
    this.#subscribers -= 1
    const isOver = audience.subscribers.size === 0 && this.#audiences.get(audience.key) === audience
    if (isOver) this.#audiences.delete(audience.key)
  }

  #countOf(identity: string): number {
    let count = 0
    for (const audience of this.#audiences.values())
      if (audience.identity === identity) count += audience.subscribers.size
    return count
  }

  #each(act: (subscriber: Subscriber) => void): void {
    for (const { subscribers } of this.#audiences.values()) for (const subscriber of subscribers) act(subscriber)
  }
}
