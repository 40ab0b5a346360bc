/** Where events come from: what sessions, logins, the throttle and the configuration tell of themselves. */
import type { Log } from '../../link/log.ts'
import type { LoginOutcome } from '../login/logins.ts'
import { showUser } from '../session/handlers.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Identity } from '../store/identity.ts'
import type { Session } from '../store/session.ts'
import type { Store } from '../store/store.ts'
import type { SourceState } from '../throttle/source-table.ts'
import type { Throttle } from '../throttle/throttle.ts'
import type { Events } from './events.ts'

function sessionFacts(session: Session, identity: Identity) {
  const { id, kind, source } = session
  return { kind: 'session', session: id, session_kind: kind, user: showUser(identity), source } as const
}

/** Tells of every session that begins and ends. */
export function tellOfSessions(events: Events, sessions: Sessions, store: Pick<Store, 'identities'>): void {
  sessions.whenBegun((session, identity) => events.tell({ ...sessionFacts(session, identity), action: 'began' }))
  sessions.whenEnded(async (_ids, ended) => {
    const known = new Map<string, Identity | null>()
    for (const session of ended) {
      const identity = known.get(session.identity) ?? (await store.identities.find(session.identity))
      known.set(session.identity, identity)
      if (identity !== null) events.tell({ ...sessionFacts(session, identity), action: 'ended' })
    }
  })
}

/** What tells of logins. A name that nobody has stays untold: people type passwords where names belong. */
export function createLoginTeller(
  events: Events,
  store: Pick<Store, 'identities'>,
  log: Log,
): (outcome: LoginOutcome) => void {
  const tell = async (outcome: LoginOutcome) => {
    const { source } = outcome
    if (outcome.ok) {
      const { identity, session } = outcome
      events.tell({ kind: 'login', action: 'ok', user: showUser(identity), session, source })
      return
    }
    const identity = (await store.identities.findByName(outcome.account)).at(-1)
    const user = identity === undefined ? null : showUser(identity)
    events.tell({ kind: 'login', action: 'refused', user, session: null, source })
  }
  return outcome => void tell(outcome).catch(fault => log('error', 'a login was not told of', { fault: String(fault) }))
}

/** What tells of a source that has to wait from now on. */
export function createPenaltyTeller(events: Events): (state: SourceState) => void {
  return ({ source, failures, retryAfterSeconds }) =>
    events.tell({
      ...{ kind: 'throttle', action: 'blocked', account: null },
      ...{ source, failures, retry_after: retryAfterSeconds },
    })
}

/** The throttle, telling when somebody lets sources or accounts go. */
export function tellOfClearing(events: Events, throttle: Throttle): Throttle {
  return {
    ...throttle,
    clear(what) {
      const cleared = throttle.clear(what)
      const { source = null, account = null } = what
      events.tell({ kind: 'throttle', action: 'cleared', source, account, failures: 0, retry_after: 0 })
      return cleared
    },
  }
}

/** What tells of a configuration that was read again; null when it was refused. */
export function createReloadTeller(events: Events): (outcome: { restartNeeded: readonly string[] } | null) => void {
  return outcome =>
    events.tell({
      kind: 'config',
      action: outcome === null ? 'refused' : 'reloaded',
      restart_needed: [...(outcome?.restartNeeded ?? [])],
    })
}
