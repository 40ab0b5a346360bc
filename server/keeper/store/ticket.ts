/** Tickets in the store, by the hash of what the link carries. */
import type { Kysely, Selectable } from 'kysely'
import type { Instant } from '../instant.ts'
import type { Schema, TicketTable } from './schema.ts'

export interface Ticket {
  /** `hashOpaqueToken` of the ticket. */
  readonly hash: string
  readonly identity: string
  /** `link` was asked for; `kiosk` lies in the runtime directory for the kiosk's browser. */
  readonly kind: 'link' | 'kiosk'
  readonly roleCap: string | null
  /** The only uid whose connections may spend it. */
  readonly boundUid: number | null
  /** The session that made it, which takes it along when it ends; null: root's token, or the daemon itself. */
  readonly madeBy: string | null
  readonly made: Instant
  /** Null: until it is spent. */
  readonly ttlMs: number | null
}

export interface TicketStore {
  add(ticket: Ticket): Promise<void>
  find(hash: string): Promise<Ticket | null>
  list(): Promise<Ticket[]>
  /** Removes it. Whether it was there: of many who ask at once, one hears yes. */
  take(hash: string): Promise<boolean>
  /** Removes those of an identity, of a kind, of root and the daemon: all that is given must fit. */
  clear(filter: { identity?: string; kind?: Ticket['kind']; madeBy?: null }): Promise<void>
}

function toTicket(row: Selectable<TicketTable>): Ticket {
  return {
    hash: row.hash,
    identity: String(row.identity),
    kind: row.kind,
    roleCap: row.role_cap,
    boundUid: row.bound_uid,
    madeBy: row.made_by,
    made: { wallMs: row.made_wall_ms, boot: row.made_boot, monotonicMs: row.made_monotonic_ms },
    ttlMs: row.ttl_ms,
  }
}

/** The tickets of a SQLite store. */
export function createTicketStore(db: Kysely<Schema>): TicketStore {
  return {
    async add({ hash, identity, kind, roleCap, boundUid, madeBy, made, ttlMs }) {
      const row = {
        hash,
        identity: Number(identity),
        kind,
        role_cap: roleCap,
        bound_uid: boundUid,
        made_by: madeBy,
        made_wall_ms: made.wallMs,
        made_boot: made.boot,
        made_monotonic_ms: made.monotonicMs,
        ttl_ms: ttlMs,
      }
      await db.insertInto('ticket').values(row).execute()
    },
    async find(hash) {
      const row = await db.selectFrom('ticket').selectAll().where('hash', '=', hash).executeTakeFirst()
      return row ? toTicket(row) : null
    },
    list: async () => (await db.selectFrom('ticket').selectAll().execute()).map(toTicket),
    async take(hash) {
      const { numDeletedRows } = await db.deleteFrom('ticket').where('hash', '=', hash).executeTakeFirst()
      return numDeletedRows > 0n
    },
    async clear({ identity, kind, madeBy }) {
      let doomed = db.deleteFrom('ticket')
      if (identity !== undefined) doomed = doomed.where('identity', '=', Number(identity))
      if (kind !== undefined) doomed = doomed.where('kind', '=', kind)
      if (madeBy === null) doomed = doomed.where('made_by', 'is', null)
      await doomed.execute()
    },
  }
}
