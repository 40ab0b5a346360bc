/** The handlers of the ticket operations. */
import { no, yes } from '../../operations/operation.ts'
import { builtInRoles } from '../../operations/role.ts'
import { usualTicketSeconds } from '../../operations/ticket-life.ts'
import { requireAuthenticated } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { HandlersOf } from '../dispatch.ts'
import { toRfc3339 } from '../instant.ts'
import type { Account } from '../libc.ts'
import { showTokens } from '../login/handlers.ts'
import { holdsPermission } from '../role/permission.ts'
import { showUser } from '../session/handlers.ts'
import type { Store } from '../store/store.ts'
import type { Tickets } from './tickets.ts'

export interface TicketHandlersOptions {
  readonly tickets: Tickets
  readonly store: Store
  readonly clock: Clock
  readonly findAccount: (name: string) => Promise<Account | null>
  readonly mayLogIn: (account: Account) => boolean
  /** The roles of the configuration, by name. */
  readonly roles: () => Readonly<Record<string, unknown>>
}

export function ticketHandlers(options: TicketHandlersOptions): HandlersOf<'ticket.'> {
  const { tickets, store, clock, findAccount, mayLogIn } = options
  const isRole = (name: string) => Object.hasOwn(builtInRoles, name) || Object.hasOwn(options.roles(), name)
  return {
    'ticket.create': async ({ user, role, uid, ttl_seconds: ttlSeconds = usualTicketSeconds }, caller) => {
      const who = requireAuthenticated(caller)
      // Else a session that may do little would make itself one that may do more.
      if (who.session.roleCap !== null) return no('forbidden', 'a session that is capped to a role makes no links')
      // Else a session would renew itself for ever, with nobody ever saying again who they are.
      if (who.session.amr.includes('ticket')) return no('forbidden', 'a session that began by a link makes no links')
      const name = user ?? who.identity.name
      if (name !== who.identity.name && !holdsPermission(who.permissions, 'ticket.manage'))
        return no('forbidden', "ticket.manage is needed for another's link")
      const account = await findAccount(name)
      if (account === null) return no('not_found', `there is no account ${name}`)
      if (!mayLogIn(account)) return no('conflict', `${account.name} may not log in: see login.allow`)
      if (role !== undefined && !isRole(role)) return no('invalid_input', `role: there is no role ${role}`)
      const identity = await store.identities.rememberAccount(account, clock.wallMs())
      const [roleCap, boundUid, ttlMs] = [role ?? null, uid ?? null, ttlSeconds * 1000]
      const madeBy = who.session.kind === 'root' ? null : who.session.id
      const ticket = await tickets.create({ identity: identity.id, kind: 'link', roleCap, boundUid, madeBy, ttlMs })
      if (ticket === null) return no('busy', 'there are too many unused login links: wait until some are over')
      const expiresAt = toRfc3339(clock.wallMs() + ttlMs)
      return yes({ ticket, user: showUser(identity), role: roleCap, uid: boundUid, expires_at: expiresAt })
    },

    'ticket.spend': async ({ ticket, confirmed = false }, caller) => {
      const { from, authenticated } = caller
      const answer = await tickets.spend(ticket, { from, authenticated, confirmed, note: caller.note })
      return answer.ok ? yes(showTokens(answer.value, clock)) : answer
    },
  }
}
