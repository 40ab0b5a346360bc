/** Identities in the store. */
import { type Kysely, type Selectable, sql } from 'kysely'
import type { IdentityTable, Schema } from './schema.ts'

export interface Identity {
  readonly id: string
  readonly realm: 'pam' | 'local'
  readonly name: string
  readonly uid: number | null
  readonly groups: readonly string[]
}

export interface IdentityStore {
  find(id: string): Promise<Identity | null>
  findByName(name: string): Promise<readonly Identity[]>
  /** The system account of that name and uid, made when it is new; its groups become those given. */
  rememberAccount(account: { name: string; uid: number; groups: readonly string[] }, nowMs: number): Promise<Identity>
}

function toIdentity(row: Selectable<IdentityTable>): Identity {
  const groups = JSON.parse(row.groups) as string[]
  return { id: String(row.id), realm: row.realm, name: row.name, uid: row.uid, groups }
}

/** The identities of a SQLite store. */
export function createIdentityStore(db: Kysely<Schema>): IdentityStore {
  return {
    async find(id) {
      const row = await db.selectFrom('identity').selectAll().where('id', '=', Number(id)).executeTakeFirst()
      return row ? toIdentity(row) : null
    },
    async findByName(name) {
      return (await db.selectFrom('identity').selectAll().where('name', '=', name).execute()).map(toIdentity)
    },
    async rememberAccount({ name, uid, groups }, nowMs) {
      const row = { realm: 'pam', name, uid, groups: JSON.stringify(groups), created_ms: nowMs } as const
      // A write takes as long as the disk: most accounts are as they were.
      const known = await db
        .selectFrom('identity')
        .selectAll()
        .where(({ and }) => and({ realm: row.realm, name, uid, groups: row.groups }))
        .executeTakeFirst()
      if (known !== undefined) return toIdentity(known)
      const saved = await db
        .insertInto('identity')
        .values(row)
        .onConflict(conflict =>
          conflict.expression(sql`realm, name, coalesce(uid, -1)`).doUpdateSet({ groups: row.groups }),
        )
        .returningAll()
        .executeTakeFirstOrThrow()
      return toIdentity(saved)
    },
  }
}
