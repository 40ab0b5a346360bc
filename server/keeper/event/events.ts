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
    const { event } = this.#ring.add(id => ({ event: { id, time, ...happening } as Event, channels }))
    for (const [link, leases] of this.#links) {
      if (!link.isOpen) {
        this.#links.delete(link)
        continue
      }
      const to = this.#heardOf(leases, channels)
      if (to.length > 0) link.send({ type: 'event', event, to })
    }
  }

  /** What `who` missed since, and may hear from now on; with a link it is pushed there. Null when the link listens for too many. */
  subscribe(who: Authenticated, since: string | undefined, link: Link | undefined): Subscription | null {
    const channels = channelsHeard(who)
    if (link !== undefined && !this.#lease(link, who, channels)) return null
    const { from, entries } = this.#ring.after(since)
    const heard = entries.filter(kept => kept.channels.some(channel => channels.includes(channel)))
    const remainingMs = accessRemainingMs(who.grant, who.session, this.#clock)
    return {
      from,
      head: this.#ring.head,
      events: heard.map(({ event }) => event),
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
    if (leases.size >= maxLeases && !leases.has(session.id)) this.#dropOver(leases)
    if (leases.size >= maxLeases && !leases.has(session.id)) return false
    leases.set(session.id, { identity: identity.id, channels, untilMs: this.#clock.monotonicMs() + leaseMs })
    this.#links.set(link, leases)
    return true
  }

  /** Those of `channels` that somebody hears whose lease is not over. */
  #heardOf(leases: Map<string, Lease>, channels: readonly string[]): string[] {
    this.#dropOver(leases)
    const heard = new Set<string>()
    for (const lease of leases.values()) {
      for (const channel of channels) if (lease.channels.includes(channel)) heard.add(channel)
      if (heard.size === channels.length) break
    }
    return [...heard]
  }

  #dropOver(leases: Map<string, Lease>): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [session, { untilMs }] of leases) if (untilMs <= nowMs) leases.delete(session)
  }
}
