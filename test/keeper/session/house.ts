/** Sessions on a real SQLite store in a folder of its own, with a clock that a test moves. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Account } from '../../../server/keeper/libc.ts'
import {
  type IssuedTokens,
  type Login,
  Sessions,
  type SessionsOptions,
} from '../../../server/keeper/session/sessions.ts'
import { SigningKeys } from '../../../server/keeper/signing/keys.ts'
import type { Identity } from '../../../server/keeper/store/identity.ts'
import { openSqliteStore } from '../../../server/keeper/store/sqlite.ts'
import type { Store } from '../../../server/keeper/store/store.ts'
import type { From } from '../../../server/link/message.ts'
import { createMovableClock, type MovableClock } from './movable-clock.ts'

/** Where requests of the tests come from, unless they say otherwise: a person at this machine. */
export const here: From = { source: 'uid:1000', local: true, uid: 1000, secure: false, agent: 'test' }

export const hour = 3600
export const day = 24 * hour

/** The value; throws when there is none. */
export function found<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('expected something, found nothing')
  return value
}

export interface House {
  readonly directory: string
  readonly clock: MovableClock
  /** What gates were told to forget, in order. */
  readonly forgotten: object[]
  /** The system's accounts, by name; a test may change them. */
  readonly accounts: Map<string, Account>
  /** In seconds; a test may change them. */
  readonly lifetimes: { access: number; refresh: number; max: number; cookie: number; idle: number }
  readonly store: Store
  readonly sessions: Sessions
  readonly keys: SigningKeys
  identity(name: string): Promise<Identity>
  login(name: string, more?: Partial<Login>): Promise<IssuedTokens>
  /** Whether the access token is good for something, from there. */
  isGood(token: string, from?: From): Promise<boolean>
  /** Ends the process and starts another on the same files. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Builds one; `more` replaces parts of what sessions are made of. */
export async function createHouse(more: Partial<SessionsOptions> = {}): Promise<House> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-house-'))
  const clock = createMovableClock()
  const forgotten: object[] = []
  const accounts = new Map<string, Account>()
  for (const [at, name] of ['alice', 'bob'].entries())
    accounts.set(name, { name, uid: 1000 + at, gid: 1000 + at, groups: [name] })
  const lifetimes = { access: hour, refresh: 7 * day, max: 30 * day, cookie: day, idle: 8 * hour }
  const open = async () => {
    const store = await openSqliteStore(join(directory, 'postern.db'))
    const keys = await SigningKeys.open({
      algorithm: 'EdDSA',
      directory: join(directory, 'keys'),
      secret: null,
      overlapMs: lifetimes.max * 1000,
      clock,
      random: randomBytes,
    })
    const sessions = new Sessions({
      store,
      clock,
      // What is waited for in these tests comes.
      timer: () => () => {},
      random: randomBytes,
      keys: () => keys,
      issuer: () => 'postern',
      lifetimes: () => ({
        accessMs: lifetimes.access * 1000,
        refreshMs: lifetimes.refresh * 1000,
        maxMs: lifetimes.max * 1000,
        cookieMs: lifetimes.cookie * 1000,
        idleMs: lifetimes.idle * 1000,
      }),
      rights: (identity, roleCap) => ({ roles: roleCap === null ? [...identity.groups] : [roleCap], permissions: [] }),
      findAccount: async name => accounts.get(name) ?? null,
      mayLogIn: () => true,
      forget: async what => void forgotten.push(what),
      ...more,
    })
    return { store, keys, sessions }
  }
  let parts = await open()
  clock.pass(1)
  const house: House = {
    directory,
    clock,
    forgotten,
    accounts,
    lifetimes,
    get store() {
      return parts.store
    },
    get sessions() {
      return parts.sessions
    },
    get keys() {
      return parts.keys
    },
    async identity(name) {
      const account = accounts.get(name)
      if (account === undefined) throw new Error(`no account ${name}`)
      return parts.store.identities.rememberAccount(account, clock.wallMs())
    },
    async login(name, login = {}) {
      const identity = await house.identity(name)
      return parts.sessions.begin({ identity, kind: 'token', amr: ['pwd'], from: here, ...login })
    },
    isGood: async (token, from = here) => (await parts.sessions.resolve(token, from)) !== null,
    async restart() {
      await parts.store.close()
      parts = await open()
      clock.pass(1)
    },
    async close() {
      await parts.store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return house
}
