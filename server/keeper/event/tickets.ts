/** Tickets for the stream of events: each opens one stream of the session that asked for it, and nothing else. In memory. */
import { eventTicketSeconds } from '../../operations/event.ts'
import type { Clock, Random } from '../clock.ts'
import type { Holder } from '../session/sessions.ts'
import { createOpaqueToken, hashOpaqueToken } from '../token/opaque.ts'

interface Held {
  readonly holder: Holder
  readonly untilMs: number
}

/** A gate asks for each of its streams again within a minute; a handle that was not used for longer is nobody's any more. */
const handleMs = 150_000
/** Of each kind at once: of everybody, and of one person, so that nobody takes the places of all. */
const maxHeld = 16_384
const maxTicketsOfOne = 64
const maxHandlesOfOne = 1024

export class EventTickets {
  readonly #random: Random
  readonly #tickets: Holdings
  readonly #handles: Holdings

  constructor(clock: Clock, random: Random) {
    this.#random = random
    this.#tickets = new Holdings(clock, eventTicketSeconds * 1000, maxTicketsOfOne)
    this.#handles = new Holdings(clock, handleMs, maxHandlesOfOne)
  }

  /** Makes a ticket that stands for the holder for half a minute; null when there are too many. */
  create(holder: Holder): string | null {
    const text = createOpaqueToken(this.#random)
    return this.#tickets.put(hashOpaqueToken(text), holder) ? text : null
  }

  /** Trades a ticket for a handle, once; null for one that was used, or is over. The handle is null when there are too many. */
  redeem(ticket: string): { holder: Holder; handle: string | null } | null {
    // Spent by whoever comes first, also when nothing comes of it.
    const holder = this.#tickets.take(hashOpaqueToken(ticket))
    if (holder === null) return null
    const handle = createOpaqueToken(this.#random)
    return { holder, handle: this.#handles.put(hashOpaqueToken(handle), holder) ? handle : null }
  }

  /** Whose stream a handle keeps open; it stays good for as long as it is asked for. */
  resume(handle: string): Holder | null {
    return this.#handles.renew(hashOpaqueToken(handle))
  }
}

/** Who holds what, for a time. */
class Holdings {
  readonly #held = new Map<string, Held>()
  readonly #clock: Clock
  readonly #lifeMs: number
  readonly #mostOfOne: number

  constructor(clock: Clock, lifeMs: number, mostOfOne: number) {
    this.#clock = clock
    this.#lifeMs = lifeMs
    this.#mostOfOne = mostOfOne
  }

  /** Whether there was room, of all and of the holder's own. */
  put(hash: string, holder: Holder): boolean {
    const nowMs = this.#clock.monotonicMs()
    let own = 0
    for (const [other, { holder: its, untilMs }] of this.#held) {
      if (untilMs <= nowMs) this.#held.delete(other)
      else if (its.identity === holder.identity) own += 1
    }
    if (own >= this.#mostOfOne || this.#held.size >= maxHeld) return false
    this.#held.set(hash, { holder, untilMs: nowMs + this.#lifeMs })
    return true
  }

  /** Removes it; null for one that is not there, or is over. */
  take(hash: string): Holder | null {
    const holder = this.#find(hash)
    this.#held.delete(hash)
    return holder
  }

  /** Its time begins anew; null as for `take`. */
  renew(hash: string): Holder | null {
    const holder = this.#find(hash)
    if (holder !== null) this.#held.set(hash, { holder, untilMs: this.#clock.monotonicMs() + this.#lifeMs })
    return holder
  }

  #find(hash: string): Holder | null {
    const held = this.#held.get(hash)
    return held === undefined || held.untilMs <= this.#clock.monotonicMs() ? null : held.holder
  }
}
