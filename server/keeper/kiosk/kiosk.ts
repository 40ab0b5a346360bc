/** The kiosk's ticket: one that is unspent lies in the runtime directory at any time, for the kiosk's account alone. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { From } from '../../link/message.ts'
import type { Clock, Random } from '../clock.ts'
import { makeOwnDirectory, removeFile, writeSecretFile } from '../file.ts'
import type { Account } from '../libc.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Session } from '../store/session.ts'
import type { Store } from '../store/store.ts'
import { type Tickets, ticketAmr } from '../ticket/tickets.ts'

export interface KioskOptions {
  readonly runtimeDirectory: string
  readonly tickets: Tickets
  readonly sessions: Sessions
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly findAccount: (name: string) => Promise<Account | null>
  /** As the configuration has it now. */
  readonly settings: () => Settings | null
}

interface Settings {
  readonly user: string
  readonly role: string
}

/** A ticket that was written: for whom, and where. */
interface Written {
  readonly text: string
  readonly path: string
  readonly account: Account
  readonly role: string
}

export class Kiosk {
  readonly #options: KioskOptions
  readonly #directory: string
  #written: Written | null = null
  /** The session that the last spent ticket began. */
  #session: string | null = null
  #isWaiting = false
  #turn: Promise<void> = Promise.resolve()

  constructor(options: KioskOptions) {
    this.#options = options
    this.#directory = join(options.runtimeDirectory, 'kiosk')
  }

  /** Writes the first ticket; those of a former run are worth nothing any more. */
  async start(): Promise<void> {
    const { store, tickets, sessions } = this.#options
    await store.tickets.clear({ kind: 'kiosk' })
    this.#session = await this.#keepSession()
    await this.tick()
    tickets.whenSpent(async (ticket, session) => {
      if (ticket.kind !== 'kiosk') return
      const former = this.#session
      this.#session = session
      this.#isWaiting = false
      // One screen, one session.
      if (former !== null) await sessions.end(former)
      await this.tick()
    })
    // Who ended all sessions of the account ended its ticket with them.
    sessions.whenEnded(() => this.tick())
  }

  /** Puts a ticket there if one should be, takes away what should not, the session too. Called every few seconds. */
  async tick(): Promise<void> {
    const mine = this.#turn.then(() => this.#replace())
    this.#turn = mine.catch(() => {})
    await mine
    // Not in turn: who ends a session waits for a tick.
    const session = this.#session && (await this.#options.store.sessions.find(this.#session))
    if (session && !(await this.#isOfNow(session))) await this.#options.sessions.end(session.id)
  }

  /** Removes the file and its ticket. */
  async stop(): Promise<void> {
    await this.#turn
    await this.#withdraw()
  }

  /** How the kiosk is, for its own account and nobody else; null for others and where there is none. */
  async status(from: From) {
    const settings = this.#options.settings()
    if (settings === null || !(await this.#isOwn(from))) return null
    const isActive = this.#session !== null && (await this.#options.store.sessions.find(this.#session)) !== null
    const session = this.#session === null ? ('none' as const) : isActive ? ('active' as const) : ('ended' as const)
    return { user: settings.user, ticket: this.#written !== null, session, waiting: this.#isWaiting }
  }

  /** Notes that its browser waits for a new login. Whether it is the kiosk that says so. */
  async wait(from: From): Promise<boolean> {
    const isOwn = await this.#isOwn(from)
    if (isOwn) this.#isWaiting = true
    return isOwn
  }

  async #isOwn(from: From): Promise<boolean> {
    const settings = this.#options.settings()
    const account = settings && (await this.#options.findAccount(settings.user))
    return account !== null && from.local && from.uid === account.uid
  }

  async #replace(): Promise<void> {
    const settings = this.#options.settings()
    const account = settings && (await this.#options.findAccount(settings.user))
    if (settings === null || account === null) return this.#withdraw()
    if (await this.#isGood(account, settings.role)) return
    await this.#withdraw()
    await this.#write(account, settings)
  }

  async #isGood(account: Account, role: string): Promise<boolean> {
    const written = this.#written
    if (written === null || written.role !== role) return false
    const isSame = written.account.name === account.name && written.account.uid === account.uid
    return isSame && existsSync(written.path) && (await this.#options.tickets.isUnspent(written.text))
  }

  async #withdraw(): Promise<void> {
    if (this.#written !== null) removeFile(this.#written.path)
    this.#written = null
    await this.#options.store.tickets.clear({ kind: 'kiosk' })
  }

  async #write(account: Account, { user, role }: Settings): Promise<void> {
    const { store, tickets, clock, random } = this.#options
    const { id } = await store.identities.rememberAccount(account, clock.wallMs())
    const wanted = {
      identity: id,
      kind: 'kiosk',
      roleCap: role,
      boundUid: account.uid,
      madeBy: null,
      ttlMs: null,
    } as const
    const text = (await tickets.create(wanted)) ?? ''
    makeOwnDirectory(this.#directory, 0o755)
    const path = join(this.#directory, user)
    writeSecretFile(path, `${text}\n`, random, 0o400, account)
    this.#written = { text, path, account, role }
  }

  /** After a restart: the browser may still be logged in. Of all that the kiosk ever began, the newest may go on. */
  async #keepSession(): Promise<string | null> {
    const { store, sessions } = this.#options
    const own = await store.sessions.listBegunBy(ticketAmr.kiosk)
    const [newest, ...others] = own.sort((a, b) => b.began.wallMs - a.began.wallMs)
    const kept = newest !== undefined && (await this.#isOfNow(newest)) ? newest : null
    for (const one of kept === null ? own : others) await sessions.end(one.id)
    return kept?.id ?? null
  }

  /** Whether the session is of the user and the role that the configuration has now. */
  async #isOfNow({ identity: id, roleCap }: Session): Promise<boolean> {
    const { store, settings, findAccount } = this.#options
    const kiosk = settings()
    const account = kiosk && (await findAccount(kiosk.user))
    const identity = account && (await store.identities.find(id))
    return (
      identity !== null && identity.name === account?.name && identity.uid === account.uid && roleCap === kiosk?.role
    )
  }
}
