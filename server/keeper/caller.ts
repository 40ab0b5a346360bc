/** Who calls an operation: what the keeper itself found out about the connection and the token. */
import type { From } from '../link/message.ts'
import type { LinkRequest } from '../link/server.ts'
import type { Grant } from './store/grant.ts'
import type { Identity } from './store/identity.ts'
import type { Session } from './store/session.ts'

/** The session behind a verified token, with what it may do now. */
export interface Authenticated {
  readonly session: Session
  readonly identity: Identity
  readonly grant: Grant
  readonly roles: readonly string[]
  readonly permissions: readonly string[]
}

/** Facts for the audit record; `user`, `identity`, `session` and `reason` have places of their own there. */
export type Facts = { readonly [fact: string]: string | number | boolean | null }

/** What a handler is told of its caller. */
export interface Caller {
  /** `root` came over root.sock, `gate` over the network or a proxy. */
  readonly door: 'root' | 'gate'
  readonly from: From
  readonly authenticated: Authenticated | null
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** The gate's link, where events can be pushed to. */
  readonly link?: LinkRequest['link']
  /** Adds to the audit record of this call. */
  note(facts: Facts): void
}

/** The session of a caller whose operation demands one. Throws for a public operation: a programmer's mistake. */
export function requireAuthenticated(caller: Caller): Authenticated {
  if (caller.authenticated === null) throw new TypeError('the operation is public: it has no session')
  return caller.authenticated
}
