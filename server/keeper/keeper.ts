/** The keeper, put together: its parts behind the table of operations. */
import { version } from '../operations/version.ts'
import { createBelief } from './believe.ts'
import { configHandlers } from './config/handlers.ts'
import { createDispatch, type Dispatch, type Handlers } from './dispatch.ts'
import { eventHandlers } from './event/handlers.ts'
import { createReloadTeller } from './event/sources.ts'
import { EventTickets } from './event/tickets.ts'
import { kioskHandlers } from './kiosk/handlers.ts'
import { findAccount, hasAccount } from './libc.ts'
import { loginHandlers } from './login/handlers.ts'
import { LookUps } from './look-up.ts'
import { createThrottleSaver, startMaintenance } from './maintenance.ts'
import { type KeeperOptions, mayLogIn, openParts, type Parts } from './parts.ts'
import { remoteHandlers } from './remote/handlers.ts'
import { sessionHandlers } from './session/handlers.ts'
import { signingHandlers } from './signing/handlers.ts'
import { statusHandlers } from './status/handlers.ts'
import { throttleHandlers } from './throttle/handlers.ts'
import { systemTimer } from './throttle/timer.ts'
import { ticketHandlers } from './ticket/handlers.ts'
import { certHandlers } from './tls/handlers.ts'

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

/** The handlers of the whole table. */
function createHandlers(options: KeeperOptions, parts: Parts): Handlers {
  const { configuration, gates, keys, clock, random, tls } = options
  const { sessions, store, logins, tickets, kiosk, throttle, events } = parts
  return {
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
    ...certHandlers({ tls, hasFiles: () => configuration.config.tls.certificate !== undefined }),
    ...remoteHandlers({ configuration, tls, gates, random, reload: options.reload }),
  }
}

/** Opens everything, writes root's token and answers from then on. Throws when something is not as it must be. */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const { keys, clock, log, owner, tls, issue } = options
  const parts = await openParts(options)
  const { store, sessions, tickets, kiosk, rootToken, attempts, audit } = parts
  await rootToken.start()
  await kiosk.start()
  const saveThrottle = createThrottleSaver(parts.throttle, store)
  const logFault = (fault: unknown, context: object) =>
    log('error', 'an operation broke', { ...context, fault: fault instanceof Error ? fault.stack : String(fault) })
  const believe = createBelief(new LookUps({ clock, timer: systemTimer, look: hasAccount }))
  const dispatch = createDispatch({
    sessions,
    clock,
    audit,
    believe,
    logFault,
    handlers: createHandlers(options, parts),
  })
  const stopMaintenance = startMaintenance({ ...parts, keys, tls, issue, saveThrottle, clock, timer: systemTimer, log })
  return {
    dispatch,
    answers: () => store.auditHead.load(),
    reloaded: createReloadTeller(parts.events),
    async createOwnTicket(ttlMs) {
      const { id: identity } = await store.identities.rememberAccount(owner, clock.wallMs())
      return tickets.create({ identity, kind: 'link', roleCap: null, boundUid: null, madeBy: null, ttlMs })
    },
    async stop() {
      await stopMaintenance()
      await rootToken.stop()
      await kiosk.stop()
      issue.remove()
      await attempts.close()
      await saveThrottle()
      await audit.close()
      await store.close()
    },
  }
}
