/** Tickets: made for a login link or for the kiosk, and traded once for a session of their identity. */
import type { From } from '../../link/message.ts'
import { no, type Refusal } from '../../operations/operation.ts'
import { isTokenShaped } from '../../operations/token.ts'
import type { Authenticated, Facts } from '../caller.ts'
import type { Clock, Random } from '../clock.ts'
import { elapsedMs, instantNow } from '../instant.ts'
import type { Account } from '../libc.ts'
import type { IssuedTokens, Sessions } from '../session/sessions.ts'
import type { Identity } from '../store/identity.ts'
import type { Store } from '../store/store.ts'
import type { Ticket } from '../store/ticket.ts'
import { createOpaqueToken, hashOpaqueToken } from '../token/opaque.ts'

/** Unspent tickets that may be about at once, and of these for one identity. */
const maxTickets = 1000
const maxOfOne = 100

/** How a session began that a ticket was spent for, by the kind of the ticket. */
export const ticketAmr: Readonly<Record<Ticket['kind'], readonly string[]>> = {
  link: ['ticket'],
  kiosk: ['ticket', 'kiosk'],
}

export interface TicketsOptions {
  readonly store: Store
  readonly sessions: Sessions
  readonly clock: Clock
  readonly random: Random
  /** The system account as it is now, or null when it is gone. */
  readonly findAccount: (name: string) => Promise<Account | null>
  readonly mayLogIn: (account: Account) => boolean
  /** The account whose browser is the kiosk, as the configuration has it now. */
  readonly kioskUser: () => string | null
}

/** What spends a ticket: the connection, and who is signed in there until now. */
export interface Spender {
  readonly from: From
  readonly authenticated: Authenticated | null
  /** Whether who opened it agreed to become somebody else. */
  readonly confirmed: boolean
  /** Hears why it was refused, for the audit trail. */
  note(facts: Facts): void
}

type No = Refusal<'ticket_refused' | 'not_local' | 'somebody_else'>
/** How a session began where root's token stood in for a ticket. */
const rootAmr = ['ticket', 'file']

/** What a ticket would begin; `ticket` is null where root's token stands in for one, which is not spent. */
interface Claim {
  readonly ok: true
  readonly identity: Identity
  readonly ticket: Ticket | null
}

/**
 * Whether who opens the link would become somebody else by it, and so is asked: who is signed in as another; and who is
 * signed in as nobody, by a link that was not made by root and not for the account that the browser runs as. Its maker may
 * have sent it to them, or a site that they opened by hand, and everything they then do is the maker's to see.
 */
function makesSomebodyElse({ identity, ticket }: Claim, { authenticated, from }: Spender): boolean {
  if (authenticated !== null) return authenticated.identity.id !== identity.id
  const isByRoot = ticket === null || ticket.madeBy === null
  return !isByRoot && ticket.boundUid === null && identity.uid !== from.uid
}

export class Tickets {
  readonly #options: TicketsOptions
  readonly #spentListeners: ((ticket: Ticket, sessionId: string) => Promise<void>)[] = []

  constructor(options: TicketsOptions) {
    this.#options = options
  }

  /** Makes one; null when there are too many. The text is in nobody's hands but the caller's. */
  async create(
    wanted: Pick<Ticket, 'identity' | 'kind' | 'roleCap' | 'boundUid' | 'madeBy' | 'ttlMs'>,
  ): Promise<string | null> {
    const { store, clock, random } = this.#options
    const all = wanted.kind === 'link' ? await store.tickets.list() : []
    const own = all.filter(({ identity }) => identity === wanted.identity)
    if (all.length >= maxTickets || own.length >= maxOfOne) return null
    const text = createOpaqueToken(random)
    await store.tickets.add({ ...wanted, hash: hashOpaqueToken(text), made: instantNow(clock) })
    return text
  }

  /** Whether it is still there to be spent. */
  async isUnspent(text: string): Promise<boolean> {
    return (await this.#options.store.tickets.find(hashOpaqueToken(text))) !== null
  }

  /** Trades a ticket, or root's token, for a browser's session. Whatever refuses it leaves the ticket as it was. */
  async spend(text: string, spender: Spender): Promise<{ ok: true; value: IssuedTokens } | No> {
    const { store, sessions } = this.#options
    const { from, authenticated: former, confirmed, note } = spender
    if (!from.local) {
      note({ reason: 'not_local' })
      return no('not_local', 'a login link works on the machine itself, in a browser of its own people')
    }
    const claim = isTokenShaped(text) ? await this.#claimByRoot(text, from) : await this.#claim(text, from)
    if ('why' in claim) {
      note({ reason: claim.why })
      return no('ticket_refused', 'it was used before, its time is over, or it is for somebody else')
    }
    const { identity, ticket } = claim
    if (!confirmed && makesSomebodyElse(claim, spender)) {
      const more = { user: former?.identity.name ?? null, instead_of: identity.name }
      return no('somebody_else', `the link signs ${identity.name} in`, more)
    }
    // Of all who come with the same ticket at the same time, one gets past this line.
    if (ticket !== null && !(await store.tickets.take(ticket.hash))) {
      note({ reason: 'no_such_ticket' })
      return no('ticket_refused', 'it was used before')
    }
    const roleCap = ticket?.roleCap ?? undefined
    const amr = ticket === null ? rootAmr : ticketAmr[ticket.kind]
    const issued = await sessions.begin({ identity, kind: 'cookie', amr, from, roleCap })
    note({ user: identity.name, identity: identity.id, session: issued.session.id })
    if (former !== null) await sessions.end(former.session.id)
    if (ticket !== null) for (const listener of this.#spentListeners) await listener(ticket, issued.session.id)
    return { ok: true, value: issued }
  }

  /** From now on tells `listener` which ticket was spent for which session, before that is answered. */
  whenSpent(listener: (ticket: Ticket, sessionId: string) => Promise<void>): void {
    this.#spentListeners.push(listener)
  }

  /** Removes those whose time is over. */
  async sweep(): Promise<void> {
    const { store } = this.#options
    for (const ticket of await store.tickets.list()) if (this.#isOver(ticket)) await store.tickets.take(ticket.hash)
  }

  #isOver({ made, ttlMs }: Ticket): boolean {
    return ttlMs !== null && elapsedMs(made, this.#options.clock) >= ttlMs
  }

  async #claimByRoot(token: string, from: From): Promise<Claim | { why: string }> {
    const root = await this.#options.sessions.resolve(token, from)
    if (root === null || root.session.kind !== 'root') return { why: 'no_such_ticket' }
    return { ok: true, identity: root.identity, ticket: null }
  }

  async #claim(text: string, from: From): Promise<Claim | { why: string }> {
    const { store } = this.#options
    const ticket = await store.tickets.find(hashOpaqueToken(text))
    if (ticket === null) return { why: 'no_such_ticket' }
    if (this.#isOver(ticket)) return { why: 'ticket_over' }
    if (ticket.boundUid !== null && from.uid !== ticket.boundUid) return { why: 'wrong_uid' }
    const identity = await this.#findIdentity(ticket)
    return identity === null ? { why: 'account_refused' } : { ok: true, identity, ticket }
  }

  /** The identity with its groups of now; null when its account is gone, another's, or may not log in any more. */
  async #findIdentity({ identity: id, kind }: Ticket): Promise<Identity | null> {
    const { store, clock, findAccount, mayLogIn, kioskUser } = this.#options
    const identity = await store.identities.find(id)
    const account = identity && (await findAccount(identity.name))
    if (!account || account.uid !== identity.uid) return null
    // The kiosk is let in by its own line of the configuration.
    const isLetIn = kind === 'kiosk' ? account.name === kioskUser() : mayLogIn(account)
    return isLetIn ? store.identities.rememberAccount(account, clock.wallMs()) : null
  }
}
