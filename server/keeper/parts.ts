/** The keeper's parts, each made from the configuration as it is at each use, so that a reload is in force at once. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../config/schema.ts'
import type { Log } from '../link/log.ts'
import { type Audit, createAudit } from './audit/audit.ts'
import type { Clock, Random } from './clock.ts'
import type { Configuration } from './config/configuration.ts'
import { Events } from './event/events.ts'
import { createLoginTeller, createPenaltyTeller, tellOfClearing, tellOfSessions } from './event/sources.ts'
import { makeOwnDirectory } from './file.ts'
import type { Gates } from './gates/gates.ts'
import { issuerOf } from './gates/settings.ts'
import type { Issue } from './issue/issue.ts'
import { Kiosk } from './kiosk/kiosk.ts'
import { type Account, findAccount, findAccountOf } from './libc.ts'
import { createAdmission } from './login/admission.ts'
import { type LoginOutcome, Logins } from './login/logins.ts'
import { restoreThrottle } from './maintenance.ts'
import { type Attempts, createAttempts } from './pam/attempts.ts'
import { isMember, rolesOf } from './role/membership.ts'
import { permissionsOf } from './role/permission.ts'
import { capRights } from './role/rights.ts'
import { RootToken } from './root-token/root-token.ts'
import { Sessions } from './session/sessions.ts'
import { SigningKeys } from './signing/keys.ts'
import type { Identity } from './store/identity.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { createThrottle, DEFAULT_THROTTLE_LIMITS, type Throttle, type ThrottleLimits } from './throttle/throttle.ts'
import { systemTimer } from './throttle/timer.ts'
import { Tickets } from './ticket/tickets.ts'
import type { Tls } from './tls/tls.ts'

export interface KeeperOptions {
  readonly configuration: Configuration
  readonly gates: Gates
  readonly keys: SigningKeys
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Takes audit lines that the trail cannot take, and its head each hour. */
  readonly journal: (line: string) => void
  /** Whose token stands in the token file: root, or who runs a private instance. */
  readonly owner: Account
  /** The program and file of the PAM child. */
  readonly pamCommand: readonly [string, ...string[]]
  readonly tls: Tls
  readonly issue: Issue
  readonly reload: () => Promise<{ restartNeeded: string[] }>
}

/** Everything that the handlers work with. */
export interface Parts {
  readonly store: Store
  readonly sessions: Sessions
  readonly throttle: Throttle
  readonly attempts: Attempts
  readonly logins: Logins
  readonly tickets: Tickets
  readonly kiosk: Kiosk
  readonly rootToken: RootToken
  readonly events: Events
  readonly audit: Audit
}

const rotateBytes = 64 * 1024 * 1024

function seconds(count: number): number {
  return count * 1000
}

function openThrottle({ configuration, clock }: KeeperOptions, events: Events): Throttle {
  // Looked up at each use, so that a reload is in force at once.
  const given = () => configuration.config.throttle
  const limits: ThrottleLimits = {
    ...DEFAULT_THROTTLE_LIMITS,
    get freeFailures() {
      return given().free_failures
    },
    get firstPenaltySeconds() {
      return given().first_penalty_seconds
    },
    get maxPenaltySeconds() {
      return given().max_penalty_seconds
    },
    get forgetSeconds() {
      return given().forget_seconds
    },
    get burst() {
      return given().account_burst
    },
    get intervalSeconds() {
      return given().account_interval_seconds
    },
    get maxSources() {
      return given().max_sources
    },
  }
  const throttle = tellOfClearing(
    events,
    createThrottle({
      clock,
      limits,
      timer: systemTimer,
      blocked: createPenaltyTeller(events),
      findName: async uid => (await findAccountOf(uid))?.name ?? null,
    }),
  )
  const letIn = { ok: true, attempt: { settle: () => {} } } as const
  return {
    ...throttle,
    begin: async request => (configuration.config.insecure.throttle_off ? letIn : throttle.begin(request)),
  }
}

/** Whether the configuration, as it now is, lets the account in; root too only where it is listed. */
export function mayLogIn(
  { configuration, owner }: KeeperOptions,
  account: Pick<Identity, 'name' | 'uid' | 'groups'>,
): boolean {
  // Who runs a private instance is no root, and no list that they wrote keeps them out of it.
  const isOwn = owner.uid !== 0 && account.uid === owner.uid
  return isOwn || isMember(account, configuration.config.login.allow)
}

function createSessions(options: KeeperOptions, store: Store): Sessions {
  const { configuration, clock, random, gates, keys } = options
  return new Sessions({
    store,
    clock,
    timer: systemTimer,
    random,
    findAccount,
    mayLogIn: account => mayLogIn(options, account),
    keys: () => keys,
    issuer: () => issuerOf(configuration.config),
    lifetimes: () => {
      const { token, session } = configuration.config
      return {
        accessMs: seconds(token.access_seconds),
        refreshMs: seconds(token.refresh_seconds),
        maxMs: seconds(token.max_seconds),
        cookieMs: seconds(session.cookie_seconds),
        idleMs: seconds(session.idle_seconds),
      }
    },
    rights: (identity, roleCap) => {
      const { roles, kiosk } = configuration.config
      const held = rolesOf(identity, roles)
      // Who runs a private instance is to it what root is to the system's.
      const isOwner = identity.name === options.owner.name && identity.uid === options.owner.uid
      const all = isOwner && !held.includes('admin') ? ['admin', ...held] : held
      const own = { roles: all, permissions: permissionsOf(all, roles) }
      if (roleCap === null) return own
      const isGranted = kiosk?.user === identity.name && kiosk.role === roleCap
      return capRights(own, roleCap, { roles, isGranted })
    },
    forget: what => gates.forget(what),
  })
}

function createLogins(
  options: KeeperOptions,
  parts: Pick<Parts, 'store' | 'sessions' | 'throttle' | 'attempts'> & { told: (outcome: LoginOutcome) => void },
): Logins {
  const { configuration, clock, random, gates } = options
  return new Logins({
    ...parts,
    clock,
    random,
    findAccount,
    admission: createAdmission({
      clock,
      limits: {
        get children() {
          return configuration.config.pam.children
        },
        get perSource() {
          return configuration.config.pam.children_per_source
        },
        get keptForLocal() {
          return configuration.config.pam.children_for_local
        },
        retryAfterSeconds: 3,
      },
    }),
    pam: () => ({ service: configuration.config.pam.service, backend: configuration.config.pam.backend }),
    refusalDelayMs: () => seconds(configuration.config.login.failure_delay_seconds),
    isAllowed: account => mayLogIn(options, account),
    forget: what => gates.forget(what),
    sleep: (ms, signal) => pause(ms, undefined, { signal }).catch(() => {}),
  })
}

function createTickets(options: KeeperOptions, { store, sessions }: Pick<Parts, 'store' | 'sessions'>): Tickets {
  const { configuration, clock, random } = options
  return new Tickets({
    store,
    sessions,
    clock,
    random,
    findAccount,
    mayLogIn: account => mayLogIn(options, account),
    kioskUser: () => configuration.config.kiosk?.user ?? null,
  })
}

function createKiosk(options: KeeperOptions, parts: Pick<Parts, 'store' | 'sessions' | 'tickets'>): Kiosk {
  const { configuration, clock, random } = options
  const { runtime } = configuration.config.paths
  const settings = () => configuration.config.kiosk
  return new Kiosk({ ...parts, runtimeDirectory: runtime, clock, random, findAccount, settings })
}

function openAttempts({ configuration, pamCommand, log }: KeeperOptions): Attempts {
  const limits = {
    get stepMs() {
      return seconds(configuration.config.pam.step_seconds)
    },
    get totalMs() {
      return seconds(configuration.config.pam.total_seconds)
    },
    finishMs: seconds(60),
  }
  const onFault = (fault: object) => log('warn', 'a PAM child did not end well', { ...fault })
  return createAttempts({ command: pamCommand, limits, spareMs: seconds(60), onFault })
}

async function openStore({ configuration }: KeeperOptions): Promise<Store> {
  const { paths, keys } = configuration.config
  makeOwnDirectory(paths.state, 0o700)
  const store = await openSqliteStore(join(paths.state, 'postern.db'))
  // A refresh token needs no signing key: who is to be logged out by new keys must lose it too.
  if (keys === 'ephemeral') await store.sessions.clear()
  return store
}

async function openAudit({ configuration, clock, journal }: KeeperOptions, store: Store): Promise<Audit> {
  const directory = configuration.config.paths.log
  makeOwnDirectory(directory, 0o750)
  return createAudit({ file: join(directory, 'audit.log'), clock, heads: store.auditHead, journal, rotateBytes })
}

/** Opens the signing keys; the first one is made if there is none. */
export function openSigningKeys(config: Config, clock: Clock, random: Random): Promise<SigningKeys> {
  const { token, paths, keys, jwt_secret: secret } = config
  makeOwnDirectory(paths.state, 0o700)
  return SigningKeys.open({
    algorithm: token.algorithm,
    directory: keys === 'ephemeral' ? null : join(paths.state, 'keys'),
    secret: secret === undefined ? null : Buffer.from(secret.reveal()),
    overlapMs: seconds(token.max_seconds),
    clock,
    random,
  })
}

/** Opens everything; root's token and the kiosk's ticket are not written yet. Throws when something is not as it must be. */
export async function openParts(options: KeeperOptions): Promise<Parts> {
  const { configuration, clock, random, owner, gates, log } = options
  const attempts = openAttempts(options)
  const store = await openStore(options)
  const sessions = createSessions(options, store)
  const events = new Events(clock, random(4).toString('hex'))
  gates.whenForgetting(what => events.forget(what))
  tellOfSessions(events, sessions, store)
  const throttle = openThrottle(options, events)
  await restoreThrottle(throttle, store)
  const audit = await openAudit(options, store)
  const { runtime } = configuration.config.paths
  const rootToken = new RootToken({ runtimeDirectory: runtime, sessions, store, clock, random, account: owner })
  const tickets = createTickets(options, { store, sessions })
  const kiosk = createKiosk(options, { store, sessions, tickets })
  const told = createLoginTeller(events, store, log)
  const logins = createLogins(options, { store, sessions, throttle, attempts, told })
  return { events, store, sessions, throttle, attempts, logins, tickets, kiosk, rootToken, audit }
}
