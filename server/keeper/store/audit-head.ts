/** The head of the audit trail in the store: its last sequence number and hash. */
import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

export interface AuditHeadStore {
  load(): Promise<{ seq: number; hash: string } | null>
  save(head: { seq: number; hash: string }): Promise<void>
}

/** The audit head of a SQLite store. */
export function createAuditHeadStore(db: Kysely<Schema>): AuditHeadStore {
  return {
    async load() {
      return (await db.selectFrom('audit_head').select(['seq', 'hash']).executeTakeFirst()) ?? null
    },
    async save({ seq, hash }) {
      await db.replaceInto('audit_head').values({ id: 1, seq, hash }).execute()
    },
  }
}
