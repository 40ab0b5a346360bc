/** The store in a SQLite file. */
import { chmodSync, closeSync, constants, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { Kysely, SqliteDialect, sql } from 'kysely'
import { createAuditHeadStore } from './audit-head.ts'
import { createGrantStore } from './grant.ts'
import { createIdentityStore } from './identity.ts'
import { migrations } from './migrations.ts'
import type { Schema } from './schema.ts'
import { createSessionStore } from './session.ts'
import { StorageFull, type Store } from './store.ts'
import { createThrottleStore } from './throttle.ts'

function openFile(path: string): Database.Database {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
  closeSync(openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600))
  chmodSync(path, 0o600)
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  // FULL: an answered login or revoke is on the disk.
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  return database
}

async function migrate(db: Kysely<Schema>, database: Database.Database): Promise<void> {
  const applied = Number(database.pragma('user_version', { simple: true }))
  if (applied > migrations.length) throw new Error(`the store is of a newer postern (schema ${applied})`)
  for (const [index, migration] of migrations.entries()) {
    if (index < applied) continue
    await db.transaction().execute(async step => {
      await migration.up(step)
      await sql.raw(`pragma user_version = ${index + 1}`).execute(step)
    })
  }
}

/** Turns SQLite's "full" into the one error that means it. */
function nameFullDisk<T extends object>(part: T): T {
  const wrap = (method: (...args: unknown[]) => Promise<unknown>) =>
    async function named(...args: unknown[]) {
      try {
        return await method(...args)
      } catch (fault) {
        if (fault instanceof Database.SqliteError && fault.code === 'SQLITE_FULL')
          throw new StorageFull('the store is full')
        throw fault
      }
    }
  return Object.fromEntries(Object.entries(part).map(([name, method]) => [name, wrap(method)])) as T
}

const instants = [
  ['session', 'began'],
  ['session', 'used'],
  ['grant', 'issued'],
  ['grant', 'spent'],
] as const

/** Opens the store, makes the file (0600) if there is none, and brings its shape up to date. */
export async function openSqliteStore(path: string): Promise<Store> {
  const database = openFile(path)
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) })
  await migrate(db, database)
  return {
    identities: nameFullDisk(createIdentityStore(db)),
    sessions: nameFullDisk(createSessionStore(db)),
    grants: nameFullDisk(createGrantStore(db)),
    throttle: nameFullDisk(createThrottleStore(db)),
    auditHead: nameFullDisk(createAuditHeadStore(db)),
    async followWallClock(boot, wallMinusMonotonicMs) {
      for (const [table, column] of instants) {
        const [wall, monotonic] = [sql.ref(`${column}_wall_ms`), sql.ref(`${column}_monotonic_ms`)]
        const shift = sql`update ${sql.table(table)} set ${wall} = ${monotonic} + ${wallMinusMonotonicMs}`
        await sql`${shift} where ${sql.ref(`${column}_boot`)} = ${boot}`.execute(db)
      }
    },
    close: () => db.destroy(),
  }
}
