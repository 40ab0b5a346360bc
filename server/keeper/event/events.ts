/** Events: kept for those who come back, and pushed to the gates whose subscribers may hear them. */
import type { Forget } from '../../link/message.ts'
import type { LinkRequest } from '../../link/server.ts'
import type { Event } from '../../operations/event.ts'
import type { Authenticated } from '../caller.ts'
import type { Clock } from '../clock.ts'
import { toRfc3339 } from '../instant.ts'
import { accessRemainingMs } from '../session/rule.ts'
import { channelsHeard, channelsOf, type Happening } from './channel.ts'
import { Ring } from './ring.ts'

type Link = NonNullable<LinkRequest['link']>

/** What a link was granted because that session came by. */
interface Lease {
  readonly identity: string
  readonly channels: readonly string[]
  readonly untilMs: number
}

interface Kept {
  readonly event: Event
  readonly channels: readonly string[]
  /** Of the event as JSON. */
  readonly bytes: number
}

/** What a subscriber is told. */
export interface Subscription {
  readonly from: string
  readonly head: string
  readonly events: Event[]
  readonly channels: string[]
  readonly validMs: number
}

/** A gate asks again before the keeper stops to push. */
const askAgainMs = 50_000
const leaseMs = 60_000

/** What somebody is told at once of what they missed: it has to fit into one frame of the link. */
const maxMissedBytes = 768 * 1024

/** Sessions that one link may listen for at once. */
const maxLeases = 16_384

export class Events {
  readonly #clock: Clock
  readonly #ring: Ring<Kept>
  readonly #links = new Map<Link, Map<string, Lease>>()

  /** `epoch` tells this run from any other: eight hexadecimal digits. */
  constructor(clock: Clock, epoch: string) {
    this.#clock = clock
    this.#ring = new Ring(epoch)
  }

  /** Something happened: it is kept, and pushed to every gate that has somebody who may hear it. */
  tell(happening: Happening): void {
    const channels = channelsOf(happening)
    const time = toRfc3339(this.#clock.wallMs())
    const { event } = this.#ring.add(id => {
      const event = { id, time, ...happening } as Event
      return { event, channels, bytes: Buffer.byteLength(JSON.stringify(event)) }
    })
    for (const [link, leases] of this.#links) {
      if (!link.isOpen) {
        this.#links.delete(link)
        continue
      }
      this.#dropOver(link, leases)
      const to = heardOf(leases, channels)
      if (to.length > 0) link.send({ type: 'event', event, to })
    }
  }

  /** What `who` missed since, and may hear from now on; with a link it is pushed there. Null when the link listens for too many. */
  subscribe(who: Authenticated, since: string | undefined, link: Link | undefined): Subscription | null {
    const channels = channelsHeard(who)
    if (link !== undefined && !this.#lease(link, who, channels)) return null
    const { from, entries } = this.#ring.after(since)
    const heard = entries.filter(kept => kept.channels.some(channel => channels.includes(channel)))
    const fitting = lastThatFit(heard)
    const lost = heard[heard.length - fitting.length - 1]
    const remainingMs = accessRemainingMs(who.grant, who.session, this.#clock)
    return {
      from: lost?.event.id ?? from,
      head: this.#ring.head,
      events: fitting.map(({ event }) => event),
      channels,
      validMs: Math.max(0, Math.floor(Math.min(remainingMs, askAgainMs))),
    }
  }

  /** Nothing is pushed any more for sessions whose rights are in doubt, until the gate has asked for them again. */
  forget(what: Forget): void {
    for (const leases of this.#links.values()) {
      for (const [session, { identity }] of leases) {
        const isMeant =
          what === 'everything' || ('session' in what ? session === what.session : identity === what.identity)
        if (isMeant) leases.delete(session)
      }
    }
  }

  #lease(link: Link, { session, identity }: Authenticated, channels: readonly string[]): boolean {
    const leases = this.#links.get(link) ?? new Map<string, Lease>()
    if (leases.size >= maxLeases && !leases.has(session.id)) this.#dropOver(link, leases)
    if (leases.size >= maxLeases && !leases.has(session.id)) return false
    leases.set(session.id, { identity: identity.id, channels, untilMs: this.#clock.monotonicMs() + leaseMs })
    this.#links.set(link, leases)
    return true
  }

  /**
   * Takes leases away whose time is over, and says so: a gate that stood still believes in its own, and would not ask for
   * what it is not pushed from now on.
   */
  #dropOver(link: Link, leases: Map<string, Lease>): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [session, { untilMs }] of leases) {
      if (untilMs > nowMs) continue
      leases.delete(session)
      void link.forget({ session })
    }
  }
}

/** Those of `channels` that somebody hears. */
function heardOf(leases: Map<string, Lease>, channels: readonly string[]): string[] {
  const heard = new Set<string>()
  for (const lease of leases.values()) {
    for (const channel of channels) if (lease.channels.includes(channel)) heard.add(channel)
    if (heard.size === channels.length) break
  }
  return [...heard]
}

/** The newest, as many as may be told at once. */
function lastThatFit(kept: readonly Kept[]): readonly Kept[] {
  let [start, room] = [kept.length, maxMissedBytes]
  for (; start > 0; start -= 1) {
    room -= kept[start - 1]?.bytes ?? 0
    if (room < 0) break
  }
  return kept.slice(start)
}
