/** The throttle's rows in the store: a key and what the rules keep for it. */
import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

export interface ThrottleStore {
  load(): Promise<{ key: string; row: string }[]>
  /** Writes the rows that changed; a null row is removed. */
  save(rows: readonly { key: string; row: string | null }[]): Promise<void>
}

/** The throttle rows of a SQLite store. */
export function createThrottleStore(db: Kysely<Schema>): ThrottleStore {
  return {
    load: () => db.selectFrom('throttle').selectAll().execute(),
    async save(rows) {
      await db.transaction().execute(async step => {
        for (const { key, row } of rows) {
          if (row === null) await step.deleteFrom('throttle').where('key', '=', key).execute()
          else await step.replaceInto('throttle').values({ key, row }).execute()
        }
      })
    },
  }
}
