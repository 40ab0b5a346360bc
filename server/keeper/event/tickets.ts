/** Tickets for the stream of events: each opens one stream of the session that asked for it, and nothing else. In memory. */
import { eventTicketSeconds } from '../../operations/event.ts'
import type { Clock, Random } from '../clock.ts'
import type { Holder } from '../session/sessions.ts'
import { createOpaqueToken, hashOpaqueToken } from '../token/opaque.ts'

interface Held {
  readonly holder: Holder
  readonly untilMs: number
}

const ticketMs = eventTicketSeconds * 1000
/** A gate asks for each of its streams again within a minute; a handle that was not used for longer is nobody's any more. */
const handleMs = 150_000
/** Of each kind at once, and tickets of one session. */
const maxHeld = 16_384
const maxTicketsOfSession = 64

export class EventTickets {
  readonly #clock: Clock
  readonly #random: Random
  readonly #tickets = new Map<string, Held>()
  readonly #handles = new Map<string, Held>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Makes a ticket that stands for the holder for half a minute; null when there are too many. */
  create(holder: Holder): string | null {
    const own = [...this.#live(this.#tickets)].filter(held => held.holder.session === holder.session)
    return own.length >= maxTicketsOfSession ? null : this.#put(this.#tickets, holder, ticketMs)
  }

  /** Trades a ticket for a handle, once; null for one that was used, or is over. */
  redeem(ticket: string): { holder: Holder; handle: string } | null {
    const hash = hashOpaqueToken(ticket)
    const held = this.#tickets.get(hash)
    // Spent by whoever comes first, also when nothing comes of it.
    this.#tickets.delete(hash)
    if (held === undefined || held.untilMs <= this.#clock.monotonicMs()) return null
    const handle = this.#put(this.#handles, held.holder, handleMs)
    return handle === null ? null : { holder: held.holder, handle }
  }

  /** Whose stream a handle keeps open; it stays good for as long as it is asked for. */
  resume(handle: string): Holder | null {
    const hash = hashOpaqueToken(handle)
    const held = this.#handles.get(hash)
    if (held === undefined || held.untilMs <= this.#clock.monotonicMs()) return null
    this.#handles.set(hash, { ...held, untilMs: this.#clock.monotonicMs() + handleMs })
    return held.holder
  }

  #put(held: Map<string, Held>, holder: Holder, lifeMs: number): string | null {
    if (this.#live(held).length >= maxHeld) return null
    const text = createOpaqueToken(this.#random)
    held.set(hashOpaqueToken(text), { holder, untilMs: this.#clock.monotonicMs() + lifeMs })
    return text
  }

  #live(held: Map<string, Held>): Held[] {
    const nowMs = this.#clock.monotonicMs()
    for (const [hash, { untilMs }] of held) if (untilMs <= nowMs) held.delete(hash)
    return [...held.values()]
  }
}
