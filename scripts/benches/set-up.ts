/** What the benches stand on. */
import type { Account } from '../../test/support/account.ts'
import type { Daemon } from '../../test/support/daemon.ts'

/** The tree that is measured; ends with a slash. */
export const root = new URL('../..', import.meta.url).pathname

/** Bench configuration: no throttle, and room for many waiting logins. */
export const config = {
  insecure: { throttle_off: true },
  pam: { children: 100, children_per_source: 98, children_for_local: 2 },
}

/** What every bench is given. */
export interface SetUp {
  /** Runs with the configuration above, and is there for all benches. */
  readonly daemon: Daemon
  readonly account: Account
  /** A directory for files, removed after the last bench. */
  readonly scratch: string
}
