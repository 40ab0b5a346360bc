/** Subscribers who came with the same credential from the same place: the keeper is asked once for all of them. */
import type { From } from '../../link/message.ts'
import type { Event } from '../../operations/event.ts'
import type { Output } from '../../operations/table.ts'
import { earliest, isAfter } from './event-id.ts'
import type { Subscriber } from './subscriber.ts'

/** What a stream is opened with; each by itself. */
export interface Credential {
  readonly token: string | null
  readonly handle: string | null
}

export type Granted = Output<'event.subscribe'>

/** An event as it is sent. */
export interface Told {
  readonly event: Event
  readonly json: Buffer
}

export class Audience {
  readonly key: string
  readonly credential: Credential
  readonly from: From
  readonly subscribers = new Set<Subscriber>()
  session = ''
  identity = ''
  untilMs = 0
  /** Events go to those alone who are not in doubt. */
  isInDoubt = false
  isBeingAsked = false
  /** How often it came to be in doubt: an answer that was asked for before counts no more. */
  doubts = 0
  #channels: ReadonlySet<string> = new Set()

  constructor(key: string, credential: Credential, from: From) {
    this.key = key
    this.credential = credential
    this.from = from
  }

  hears(channels: readonly string[]): boolean {
    return !this.isInDoubt && channels.some(channel => this.#channels.has(channel))
  }

  tell({ event, json }: Told): void {
    for (const subscriber of this.subscribers) subscriber.tell(event.kind, json)
  }

  /** What the keeper said holds no more; `served` is the last event that went to those not in doubt. */
  doubt(served: string): void {
    this.doubts += 1
    if (this.isInDoubt) return
    this.isInDoubt = true
    for (const one of this.subscribers) if (served !== '' && isAfter(served, one.at)) one.at = served
  }

  /** Where the keeper is to begin so that nobody misses anything. */
  get since(): string | undefined {
    return earliest([...this.subscribers].map(({ at }) => at))
  }

  /** What the keeper says now. */
  settle({ session, identity, channels, valid_ms: validMs }: Granted, nowMs: number): void {
    Object.assign(this, { session, identity, untilMs: nowMs + validMs, isInDoubt: false })
    this.#channels = new Set(channels)
  }

  /**
   * Brings one subscriber up to now: what the keeper has kept, then what was pushed since it answered. Begins anew, saying
   * so, where there were events that nobody has kept.
   */
  catchUp(
    subscriber: Subscriber,
    { from, head, events }: Granted,
    pushed: readonly (Told & { to: readonly string[] })[],
  ) {
    if (isAfter(from, subscriber.at)) subscriber.begin(readyAt(from, true))
    for (const event of events)
      if (isAfter(event.id, subscriber.at)) subscriber.tellMissed(event.kind, Buffer.from(JSON.stringify(event)))
    if (isAfter(head, subscriber.at)) subscriber.at = head
    for (const told of pushed) {
      if (!isAfter(told.event.id, head)) continue
      if (this.hears(told.to)) subscriber.tell(told.event.kind, told.json)
      subscriber.at = told.event.id
    }
  }

  close(why: Parameters<Subscriber['close']>[0]): void {
    for (const subscriber of this.subscribers) subscriber.close(why)
  }

  /** Cuts those who have not gone by themselves. */
  cut(): void {
    for (const subscriber of this.subscribers) subscriber.cut()
  }
}

/** The message that says where a stream begins. */
export function readyAt(id: string, missed: boolean) {
  return { id, time: new Date().toISOString(), kind: 'ready', missed } as const
}
