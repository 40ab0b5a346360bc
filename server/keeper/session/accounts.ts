/** Whether who has a session still has the account, and is still let in. */
import type { Clock } from '../clock.ts'
import type { Account } from '../libc.ts'
import { LookUps } from '../look-up.ts'
import type { Identity } from '../store/identity.ts'
import type { Session } from '../store/session.ts'
import type { Store } from '../store/store.ts'
import type { Timer } from '../throttle/timer.ts'

export interface AccountsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly timer: Timer
  /** The system account as it is now, or null when it is gone or somebody else's. */
  readonly findAccount: (name: string) => Promise<Account | null>
  /** Whether the account is one of those that may log in now. */
  readonly mayLogIn: (account: Pick<Identity, 'name' | 'uid' | 'groups'>) => boolean
  /** Makes every gate forget, and resolves when each has acknowledged or was ended. */
  readonly forget: (what: { session: string } | { identity: string }) => Promise<void>
}

/** Whose way in does not ask `login.allow`: the kiosk has its own line of the configuration, and the token file is root's. */
const letInOtherwise = ['kiosk', 'file']

export class Accounts {
  readonly #options: AccountsOptions
  readonly #lookUps: LookUps<string>

  constructor(options: AccountsOptions) {
    this.#options = options
    this.#lookUps = new LookUps({ ...options, look: identity => this.renew(identity) })
  }

  /** Whether the identity has its account, by a look-up of the last minute: without a promise when there was one; null when nobody can say. */
  find(identity: string): ReturnType<LookUps<string>['find']> {
    return this.#lookUps.find(identity)
  }

  /** The account was seen by who let it in. */
  saw(identity: string): void {
    this.#lookUps.tell(identity, true)
  }

  /** Whether the configuration, as it is now, still lets in who the session is of. */
  isLetIn(session: Session, identity: Identity): boolean {
    if (identity.realm !== 'pam' || session.amr.some(way => letInOtherwise.includes(way))) return true
    return this.#options.mayLogIn(identity)
  }

  /**
   * Looks whether the identity has its account: of its name, with its uid. Its groups become those of now, and gates
   * forget what has changed. Rejects when the system could not look.
   */
  async renew(id: string): Promise<boolean> {
    const { store, clock, findAccount, forget } = this.#options
    const identity = await store.identities.find(id)
    if (identity === null || identity.realm !== 'pam') return identity !== null
    const account = await findAccount(identity.name)
    const isSame = account !== null && account.uid === identity.uid
    const renewed = isSame ? await store.identities.rememberAccount(account, clock.wallMs()) : null
    if (renewed?.groups.join('\0') !== identity.groups.join('\0')) await forget({ identity: id })
    return isSame
  }
}
