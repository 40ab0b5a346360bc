/** The handlers of the session operations. */
import { no, yes } from '../../operations/operation.ts'
import type { Output } from '../../operations/table.ts'
import { type Authenticated, requireAuthenticated } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { HandlersOf } from '../dispatch.ts'
import { shownWallMs, toRfc3339 } from '../instant.ts'
import { holdsPermission } from '../role/permission.ts'
import type { Identity } from '../store/identity.ts'
import type { Session } from '../store/session.ts'
import type { Store } from '../store/store.ts'
import { accessRemainingMs } from './rule.ts'
import type { Sessions } from './sessions.ts'

/** A gate may remember a session for this long: asking again is how its use is reported, and how a gate that slept finds out. */
const rememberMs = 60_000

/** Where idle time is short, a tenth of it: who is there every now and then is not idle. */
function rememberedMs({ idleMs }: Session): number {
  return idleMs === null ? rememberMs : Math.min(rememberMs, idleMs / 10)
}

/** Who may end others' sessions may see them too. */
const toSee = ['session.read', 'session.manage']
const toEnd = ['session.manage']

function holdsOneOf({ permissions }: Authenticated, wanted: readonly string[]): boolean {
  return wanted.some(permission => holdsPermission(permissions, permission))
}

/** A session as it is shown. */
export function showSession(session: Session, identity: Identity, current: string | null, clock: Clock) {
  const beganMs = shownWallMs(session.began, clock)
  return {
    id: session.id,
    kind: session.kind,
    user: showUser(identity),
    created_at: toRfc3339(beganMs),
    last_used_at: toRfc3339(shownWallMs(session.used, clock)),
    expires_at: toRfc3339(beganMs + session.lifetimeMs),
    source: session.source,
    agent: session.agent,
    current: session.id === current,
  }
}

/** Who somebody is, as it is shown. */
export function showUser({ id, name, realm }: Identity) {
  return { id, name, realm }
}

function showCurrent(who: Authenticated, clock: Clock): Output<'session.current'> {
  const { session, identity, roles, permissions } = who
  return {
    user: showUser(identity),
    roles: [...roles],
    permissions: [...permissions],
    session: showSession(session, identity, session.id, clock),
  }
}

export function sessionHandlers({
  sessions,
  store,
  clock,
}: {
  sessions: Sessions
  store: Store
  clock: Clock
}): HandlersOf<'session.' | 'access.'> {
  /** The identities a caller means: their own, or those of a name if they hold one of the permissions for others. */
  const identitiesFor = async (name: string | undefined, who: Authenticated, forOthers: readonly string[]) => {
    if (name === undefined || name === who.identity.name) return [who.identity]
    return holdsOneOf(who, forOthers) ? await store.identities.findByName(name) : null
  }
  const listSessions = async (who: Authenticated, identity: string | undefined, limit: number, cursor?: string) => {
    const found = await store.sessions.list({ identity, cursor, limit: limit + 1 })
    const items = await Promise.all(
      found.slice(0, limit).map(async session => {
        const owner = await store.identities.find(session.identity)
        return owner === null ? [] : [showSession(session, owner, who.session.id, clock)]
      }),
    )
    return { items: items.flat(), next: found.length > limit ? (found[limit - 1]?.id ?? null) : null }
  }
  return {
    'session.current': async (_input, caller) => yes(showCurrent(requireAuthenticated(caller), clock)),

    'session.resolve': async (_input, caller) => {
      const who = requireAuthenticated(caller)
      await sessions.touch(who.session)
      return yes({
        current: showCurrent(who, clock),
        valid_ms: Math.max(
          0,
          Math.floor(Math.min(accessRemainingMs(who.grant, who.session, clock), rememberedMs(who.session))),
        ),
        bound_uid: who.session.boundUid,
        local_only: who.session.kind === 'root',
      })
    },

    'session.end': async (_input, caller) => {
      const { session } = requireAuthenticated(caller)
      await sessions.end(session.id)
      return yes({})
    },

    'session.list': async ({ user, everyone, limit = 50, cursor }, caller) => {
      const who = requireAuthenticated(caller)
      if (everyone) {
        if (!holdsOneOf(who, toSee)) return no('forbidden', 'session.read is needed')
        return yes(await listSessions(who, undefined, limit, cursor))
      }
      const identities = await identitiesFor(user, who, toSee)
      if (identities === null) return no('forbidden', "session.read is needed for another's sessions")
      const pages = await Promise.all(identities.map(({ id }) => listSessions(who, id, limit, cursor)))
      const items = pages.flatMap(page => page.items).sort((a, b) => (a.id < b.id ? -1 : 1))
      const isMore = items.length > limit || pages.some(page => page.next !== null)
      const shown = items.slice(0, limit)
      return yes({ items: shown, next: isMore ? (shown.at(-1)?.id ?? null) : null })
    },

    'session.revoke': async ({ id }, caller) => {
      const who = requireAuthenticated(caller)
      const session = await store.sessions.find(id)
      const isOwn = session?.identity === who.identity.id
      // Whose it is, and whether it is there, is told only to those who may end it.
      if (!isOwn && !holdsOneOf(who, toEnd)) return no('not_found', 'no such session of yours')
      return (await sessions.end(id)) ? yes({}) : no('not_found', 'no such session')
    },

    'session.revoke_all': async ({ user, others = false }, caller) => {
      const who = requireAuthenticated(caller)
      const identities = await identitiesFor(user, who, toEnd)
      if (identities === null) return no('forbidden', "session.manage is needed for another's sessions")
      let revoked = 0
      for (const { id } of identities) revoked += await sessions.endAll(id, others ? who.session.id : null)
      return yes({ revoked })
    },

    'access.check': async ({ permission }, caller) => {
      const { identity, permissions } = requireAuthenticated(caller)
      if (permission !== undefined && !holdsPermission(permissions, permission))
        return no('forbidden', `${permission} is needed`)
      return yes({ user: showUser(identity), permission: permission ?? null })
    },
  }
}
