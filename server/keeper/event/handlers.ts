/** The handlers of the event operations. */
import { eventTicketSeconds } from '../../operations/event.ts'
import { no, yes } from '../../operations/operation.ts'
import type { Input } from '../../operations/table.ts'
import { type Authenticated, type Caller, requireAuthenticated } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { HandlersOf } from '../dispatch.ts'
import { toRfc3339 } from '../instant.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Events } from './events.ts'
import type { EventTickets } from './tickets.ts'

export function eventHandlers({
  events,
  tickets,
  sessions,
  clock,
}: {
  events: Events
  tickets: EventTickets
  sessions: Sessions
  clock: Clock
}): HandlersOf<'event.'> {
  /** Who subscribes: by a token, a ticket that this spends, or the handle that it was traded for. */
  async function identify(
    { ticket, handle }: Input<'event.subscribe'>,
    { authenticated, from }: Caller,
  ): Promise<{ who: Authenticated | null; handle: string | null; isFull?: boolean }> {
    const redeemed = ticket === undefined ? null : tickets.redeem(ticket)
    const resumed = handle === undefined ? null : tickets.resume(handle)
    if (ticket === undefined && handle === undefined) return { who: authenticated, handle: null }
    const holder = redeemed?.holder ?? resumed
    const who = holder && (await sessions.resolveHolder(holder, from))
    return { who, handle: redeemed?.handle ?? handle ?? null, isFull: redeemed !== null && redeemed.handle === null }
  }
  return {
    'event.ticket': async (_input, caller) => {
      const { session, identity, grant } = requireAuthenticated(caller)
      const ticket = tickets.create({ jti: grant.jti, session: session.id, identity: identity.id })
      if (ticket === null) return no('busy', 'there are too many tickets that nobody has used')
      return yes({ ticket, expires_at: toRfc3339(clock.wallMs() + eventTicketSeconds * 1000) })
    },

    'event.subscribe': async (input, caller) => {
      const { who, handle, isFull } = await identify(input, caller)
      if (who === null) return no('unauthenticated')
      if (isFull) return no('busy', 'too many streams of yours are open')
      const told = events.subscribe(who, input.since, caller.link)
      if (told === null) return no('busy', 'too many listen')
      const { validMs, ...rest } = told
      return yes({ ...rest, valid_ms: validMs, session: who.session.id, identity: who.identity.id, handle })
    },
  }
}
