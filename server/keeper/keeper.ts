/** The keeper, put together: store, keys, sessions, login and audit behind the table of operations. */
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import type { Log } from '../link/log.ts'
import { version } from '../operations/version.ts'
import { type Audit, createAudit } from './audit/audit.ts'
import type { Clock, Random } from './clock.ts'
import type { Configuration } from './config/configuration.ts'
import { configHandlers } from './config/handlers.ts'
import { createDispatch, type Dispatch } from './dispatch.ts'
import { Events } from './event/events.ts'
import { eventHandlers } from './event/handlers.ts'
import {
  createLoginTeller,
  createPenaltyTeller,
  createReloadTeller,
  tellOfClearing,
  tellOfSessions,
} from './event/sources.ts'
import { EventTickets } from './event/tickets.ts'
import { makeOwnDirectory } from './file.ts'
import type { Gates } from './gates/gates.ts'
import { issuerOf } from './gates/settings.ts'
import { kioskHandlers } from './kiosk/handlers.ts'
import { Kiosk } from './kiosk/kiosk.ts'
import { type Account, findAccount } from './libc.ts'
import { createAdmission } from './login/admission.ts'
import { loginHandlers } from './login/handlers.ts'
import { type LoginOutcome, Logins } from './login/logins.ts'
import { createThrottleSaver, restoreThrottle, startMaintenance } from './maintenance.ts'
import { type Attempts, createAttempts } from './pam/attempts.ts'
import { isMember, rolesOf } from './role/membership.ts'
import { permissionsOf } from './role/permission.ts'
import { capRights } from './role/rights.ts'
import { RootToken } from './root-token/root-token.ts'
import { sessionHandlers } from './session/handlers.ts'
import { Sessions } from './session/sessions.ts'
import { signingHandlers } from './signing/handlers.ts'
import { SigningKeys } from './signing/keys.ts'
import { statusHandlers } from './status/handlers.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { throttleHandlers } from './throttle/handlers.ts'
import { createThrottle, DEFAULT_THROTTLE_LIMITS, type Throttle, type ThrottleLimits } from './throttle/throttle.ts'
import { systemTimer } from './throttle/timer.ts'
import { ticketHandlers } from './ticket/handlers.ts'
import { Tickets } from './ticket/tickets.ts'

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
  readonly reload: () => Promise<{ restartNeeded: string[] }>
}

/** A running keeper. */
export interface Keeper {
  readonly dispatch: Dispatch
  /** Resolves when the store answers: a sign of life. */
  answers(): Promise<unknown>
  /** A login link's ticket for who runs this instance. */
  createOwnTicket(ttlMs: number): Promise<string | null>
  /** Tells that the configuration was read again; null when it was refused. */
  reloaded(outcome: { restartNeeded: readonly string[] } | null): void
  /** Ends root's token and the attempts, writes everything down, closes the store. */
  stop(): Promise<void>
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
    createThrottle({ clock, timer: systemTimer, limits, blocked: createPenaltyTeller(events) }),
  )
  const letIn = { ok: true, attempt: { settle: () => {} } } as const
  return {
    ...throttle,
    begin: async request => (configuration.config.insecure.throttle_off ? letIn : throttle.begin(request)),
  }
}

/** Whether the configuration, as it now is, lets the account in; root too only where it is listed. */
function mayLogIn({ configuration, owner }: KeeperOptions, account: Account): boolean {
  // Who runs a private instance is no root, and no list that they wrote keeps them out of it.
  const isOwn = owner.uid !== 0 && account.uid === owner.uid
  return isOwn || isMember(account, configuration.config.login.allow)
}

function createSessions(options: KeeperOptions, store: Store, keys: SigningKeys): Sessions {
  const { configuration, clock, random, gates } = options
  return new Sessions({
    store,
    clock,
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

function createLogins(options: KeeperOptions, parts: Parts): Logins {
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
    sleep: ms => new Promise(resolve => setTimeout(resolve, ms)),
  })
}

interface Parts {
  readonly store: Store
  readonly sessions: Sessions
  readonly throttle: Throttle
  readonly attempts: Attempts
  readonly told: (outcome: LoginOutcome) => void
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

/** Opens everything, writes root's token and answers from then on. Throws when something is not as it must be. */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const { configuration, gates, keys, clock, random, log, owner, pamCommand } = options
  const { paths } = configuration.config
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
  const attempts = createAttempts({ command: pamCommand, limits, spareMs: seconds(60), onFault })
  makeOwnDirectory(paths.state, 0o700)
  const store = await openSqliteStore(join(paths.state, 'postern.db'))
  // A refresh token needs no signing key: who is to be logged out by new keys must lose it too.
  if (configuration.config.keys === 'ephemeral') await store.sessions.clear()
  const sessions = createSessions(options, store, keys)
  const events = new Events(clock, random(4).toString('hex'))
  gates.whenForgetting(what => events.forget(what))
  tellOfSessions(events, sessions, store)
  const throttle = openThrottle(options, events)
  await restoreThrottle(throttle, store)
  const saveThrottle = createThrottleSaver(throttle, store)
  const audit = await openAudit(options, store)
  const rootToken = new RootToken({ runtimeDirectory: paths.runtime, sessions, store, clock, random, account: owner })
  await rootToken.start()
  const tickets = new Tickets({
    store,
    sessions,
    clock,
    random,
    findAccount,
    mayLogIn: account => mayLogIn(options, account),
    kioskUser: () => configuration.config.kiosk?.user ?? null,
  })
  const kiosk = new Kiosk({
    runtimeDirectory: paths.runtime,
    tickets,
    sessions,
    store,
    clock,
    random,
    findAccount,
    settings: () => configuration.config.kiosk,
  })
  await kiosk.start()
  const parts = { store, sessions, throttle, attempts, told: createLoginTeller(events, store, log) }
  const logins = createLogins(options, parts)
  const dispatch = createDispatch({
    sessions,
    clock,
    audit,
    logFault: (fault, context) =>
      log('error', 'an operation broke', { ...context, fault: fault instanceof Error ? fault.stack : String(fault) }),
    handlers: {
      ...loginHandlers({ logins, sessions, clock }),
      ...sessionHandlers({ sessions, store, clock }),
      ...ticketHandlers({
        tickets,
        store,
        clock,
        findAccount,
        mayLogIn: account => mayLogIn(options, account),
        roles: () => configuration.config.roles,
      }),
      ...kioskHandlers(kiosk),
      ...throttleHandlers({ throttle, clock }),
      ...signingHandlers({ keys, tellGates: () => gates.tellSettings() }),
      ...statusHandlers({ gates, store, logins, clock, version, insecure: () => configuration.loaded.insecure }),
      ...configHandlers({ configuration, reload: options.reload }),
      ...eventHandlers({ events, tickets: new EventTickets(clock, random), sessions, clock }),
    },
  })
  const stopMaintenance = startMaintenance({
    store,
    sessions,
    keys,
    saveThrottle,
    rootToken,
    tickets,
    kiosk,
    audit,
    clock,
    timer: systemTimer,
    log,
  })
  return {
    dispatch,
    answers: () => store.auditHead.load(),
    reloaded: createReloadTeller(events),
    async createOwnTicket(ttlMs) {
      const { id: identity } = await store.identities.rememberAccount(owner, clock.wallMs())
      return tickets.create({ identity, kind: 'link', roleCap: null, boundUid: null, ttlMs })
    },
    async stop() {
      await stopMaintenance()
      await rootToken.stop()
      await kiosk.stop()
      await attempts.close()
      await saveThrottle()
      await audit.close()
      await store.close()
    },
  }
}
