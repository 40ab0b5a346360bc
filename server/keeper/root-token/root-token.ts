/** Root's token: a session of root whose token stands in a file that root alone can read. */
import { join } from 'node:path'
import type { From } from '../../link/message.ts'
import type { Clock, Random } from '../clock.ts'
import { removeFile, writeSecretFile } from '../file.ts'
import { elapsedMs } from '../instant.ts'
import type { Account } from '../libc.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Session } from '../store/session.ts'
import type { Store } from '../store/store.ts'

/** How long the former token goes on after it was renewed, in milliseconds. */
const overlapMs = 60_000

export interface RootTokenOptions {
  readonly runtimeDirectory: string
  readonly sessions: Sessions
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  /** The account whose token it is: root, or who runs a private instance. */
  readonly account: Account
}

const from: From = { source: 'root', local: true, uid: null, secure: false, agent: 'token file' }

export class RootToken {
  readonly #options: RootTokenOptions
  readonly #path: string
  #current: Session | null = null
  #former: { session: Session; sinceMs: number }[] = []

  constructor(options: RootTokenOptions) {
    this.#options = options
    this.#path = join(options.runtimeDirectory, 'token')
  }

  /** Ends what a former run left, and writes the first token. */
  async start(): Promise<void> {
    await this.#endAll()
    await this.#write()
    // Root logged out, or revoked it because it leaked: its links go too, and the next one is there when that is answered.
    this.#options.sessions.whenEnded(async ids => {
      if (this.#current === null || !ids.includes(this.#current.id)) return
      this.#current = null
      await this.#options.store.tickets.clear({ kind: 'link', madeBy: null })
      await this.#write()
    })
  }

  /** Renews the token at half its life, and ends the former one a minute later. Called every few seconds. */
  async tick(): Promise<void> {
    const { clock, sessions } = this.#options
    const current = this.#current
    if (current === null || elapsedMs(current.began, clock) >= current.lifetimeMs / 2) {
      await this.#write()
      if (current !== null) this.#former.push({ session: current, sinceMs: clock.monotonicMs() })
    }
    const due = this.#former.filter(({ sinceMs }) => clock.monotonicMs() - sinceMs >= overlapMs)
    this.#former = this.#former.filter(one => !due.includes(one))
    for (const { session } of due) await sessions.end(session.id)
  }

  /** Removes the file and ends its sessions. */
  async stop(): Promise<void> {
    this.#current = null
    removeFile(this.#path)
    await this.#endAll()
  }

  async #write(): Promise<void> {
    const { store, sessions, clock, random, account } = this.#options
    const identity = await store.identities.rememberAccount(account, clock.wallMs())
    const { accessToken, session } = await sessions.begin({ identity, kind: 'root', amr: ['file'], from })
    try {
      writeSecretFile(this.#path, `${accessToken}\n`, random, 0o400)
    } catch (fault) {
      // Nobody can have it, and it is tried again every few seconds: without this they would pile up.
      await sessions.end(session.id)
      throw fault
    }
    this.#current = session
  }

  async #endAll(): Promise<void> {
    const { store, sessions } = this.#options
    for (const session of await store.sessions.listKind('root')) await sessions.end(session.id)
  }
}
