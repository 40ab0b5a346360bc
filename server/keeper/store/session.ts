/** Sessions in the store. */
import { type Kysely, type Selectable, sql } from 'kysely'
import type { Instant } from '../instant.ts'
import { type Grant, toGrantRow } from './grant.ts'
import type { Schema, SessionTable } from './schema.ts'

export interface Session {
  readonly id: string
  readonly identity: string
  readonly kind: 'token' | 'cookie' | 'root'
  readonly amr: readonly string[]
  readonly source: string
  readonly agent: string | null
  readonly boundUid: number | null
  readonly roleCap: string | null
  readonly audience: readonly string[]
  readonly began: Instant
  readonly lifetimeMs: number
  readonly idleMs: number | null
  readonly used: Instant
}

export interface SessionStore {
  /** A session with its first grant: both, or neither. */
  add(session: Session, grant: Grant): Promise<void>
  find(id: string): Promise<Session | null>
  /** In the order of their ids, from after `cursor`; of one identity or of all. */
  list(filter: { identity?: string | undefined; cursor?: string | undefined; limit: number }): Promise<Session[]>
  listKind(kind: Session['kind']): Promise<Session[]>
  /** Those that began in exactly that way. */
  listBegunBy(amr: readonly string[]): Promise<Session[]>
  count(): Promise<number>
  setUsed(id: string, used: Instant): Promise<void>
  /** Sets how long after it began the session ends. */
  setLifetime(id: string, lifetimeMs: number): Promise<void>
  /** Sessions whose time is over at `now`, by lifetime or by idleness. */
  listEnded(now: Instant, limit: number): Promise<Session[]>
  /** Whether it was there. Its grants go with it. */
  remove(id: string): Promise<boolean>
  /** Removes all of them. */
  clear(): Promise<void>
}

type Row = Selectable<SessionTable>

function toSession(row: Row): Session {
  return {
    id: row.id,
    identity: String(row.identity),
    kind: row.kind,
    amr: JSON.parse(row.amr) as string[],
    source: row.source,
    agent: row.agent,
    boundUid: row.bound_uid,
    roleCap: row.role_cap,
    audience: JSON.parse(row.audience) as string[],
    began: { wallMs: row.began_wall_ms, boot: row.began_boot, monotonicMs: row.began_monotonic_ms },
    lifetimeMs: row.lifetime_ms,
    idleMs: row.idle_ms,
    used: { wallMs: row.used_wall_ms, boot: row.used_boot, monotonicMs: row.used_monotonic_ms },
  }
}

function toRow(session: Session): Row {
  return {
    id: session.id,
    identity: Number(session.identity),
    kind: session.kind,
    amr: JSON.stringify(session.amr),
    source: session.source,
    agent: session.agent,
    bound_uid: session.boundUid,
    role_cap: session.roleCap,
    audience: JSON.stringify(session.audience),
    began_wall_ms: session.began.wallMs,
    began_boot: session.began.boot,
    began_monotonic_ms: session.began.monotonicMs,
    lifetime_ms: session.lifetimeMs,
    idle_ms: session.idleMs,
    ...usedColumns(session.used),
  }
}

function usedColumns(used: Instant) {
  return { used_wall_ms: used.wallMs, used_boot: used.boot, used_monotonic_ms: used.monotonicMs }
}

/** `elapsedMs` of server/keeper/instant.ts, in SQL. */
function elapsed(column: 'began' | 'used', now: Instant) {
  const [wall, boot, monotonic] = ['wall_ms', 'boot', 'monotonic_ms'].map(part => sql.ref(`${column}_${part}`))
  const acrossBoots = sql`max(${now.monotonicMs}, ${now.wallMs} - ${wall})`
  const isOfOneRun = sql`${boot} = ${now.boot} and ${monotonic} <= ${now.monotonicMs}`
  return sql`case when ${isOfOneRun} then ${now.monotonicMs} - ${monotonic} else ${acrossBoots} end`
}

/** The sessions of a SQLite store. */
export function createSessionStore(db: Kysely<Schema>): SessionStore {
  return {
    async add(session, grant) {
      await db.transaction().execute(async step => {
        await step.insertInto('session').values(toRow(session)).execute()
        await step.insertInto('grant').values(toGrantRow(grant)).execute()
      })
    },
    async find(id) {
      const row = await db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirst()
      return row ? toSession(row) : null
    },
    async list({ identity, cursor, limit }) {
      let query = db.selectFrom('session').selectAll().orderBy('id').limit(limit)
      if (identity !== undefined) query = query.where('identity', '=', Number(identity))
      if (cursor !== undefined) query = query.where('id', '>', cursor)
      return (await query.execute()).map(toSession)
    },
    async listKind(kind) {
      return (await db.selectFrom('session').selectAll().where('kind', '=', kind).execute()).map(toSession)
    },
    async listBegunBy(amr) {
      const query = db.selectFrom('session').selectAll().where('amr', '=', JSON.stringify(amr))
      return (await query.execute()).map(toSession)
    },
    async count() {
      const counted = db.selectFrom('session').select(({ fn }) => fn.countAll<number>().as('sessions'))
      return (await counted.executeTakeFirstOrThrow()).sessions
    },
    async setUsed(id, used) {
      await db.updateTable('session').set(usedColumns(used)).where('id', '=', id).execute()
    },
    async setLifetime(id, lifetimeMs) {
      await db.updateTable('session').set({ lifetime_ms: lifetimeMs }).where('id', '=', id).execute()
    },
    async listEnded(now, limit) {
      const lifetimeOver = sql<boolean>`${elapsed('began', now)} >= lifetime_ms`
      const idleOver = sql<boolean>`coalesce(${elapsed('used', now)} >= idle_ms, false)`
      const ended = db
        .selectFrom('session')
        .selectAll()
        .where(sql<boolean>`${lifetimeOver} or ${idleOver}`)
        .limit(limit)
      return (await ended.execute()).map(toSession)
    },
    async remove(id) {
      const result = await db.deleteFrom('session').where('id', '=', id).executeTakeFirst()
      return result.numDeletedRows > 0n
    },
    async clear() {
      await db.deleteFrom('session').execute()
    },
  }
}
