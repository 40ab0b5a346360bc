/** What the keeper remembers: the store as the rules see it. Asynchronous, so that a server can stand behind it. */
import type { Instant } from '../instant.ts'
import type { AuditHeadStore } from './audit-head.ts'
import type { GrantStore } from './grant.ts'
import type { IdentityStore } from './identity.ts'
import type { SessionStore } from './session.ts'
import type { ThrottleStore } from './throttle.ts'
import type { TicketStore } from './ticket.ts'

export interface Store {
  readonly identities: IdentityStore
  readonly sessions: SessionStore
  readonly grants: GrantStore
  readonly tickets: TicketStore
  readonly throttle: ThrottleStore
  readonly auditHead: AuditHeadStore
  /** Moves the wall times of this boot's instants to where the wall clock now puts them, after it was set; those later than `now` are of another run. */
  followWallClock(now: Instant): Promise<void>
  /** Sets room aside for logins, so that a full disk locks nobody out. Whether there is enough. */
  keepRoom(): Promise<boolean>
  close(): Promise<void>
}

/** The store has no room left; nothing was written. */
export class StorageFull extends Error {
  override readonly name = 'StorageFull'
}
