/** The store in a SQLite file. */
import { chmodSync, closeSync, constants, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { Kysely, type SqliteDatabase, SqliteDialect, sql } from 'kysely'
import { createAuditHeadStore } from './audit-head.ts'
import { createGrantStore } from './grant.ts'
import { createIdentityStore } from './identity.ts'
import { migrations } from './migrations.ts'
import type { Schema } from './schema.ts'
import { createSessionStore } from './session.ts'
import { StorageFull, type Store } from './store.ts'
import { createThrottleStore } from './throttle.ts'
import { createTicketStore } from './ticket.ts'

function openFile(path: string): Database.Database {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
  closeSync(openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600))
  chmodSync(path, 0o600)
  const database = new Database(path)
  try {
    database.pragma('journal_mode = WAL')
  } catch (fault) {
    database.close()
    throw new Error(`the store ${path} cannot be opened: ${fault instanceof Error ? fault.message : fault}`)
  }
  // FULL: an answered login or revoke is on the disk.
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  // Well below what `keepRoom` sets aside, so that the log starts over before it has to grow.
  database.pragma('wal_autocheckpoint = 256')
  // The kernel caches the file too; in KiB when below 0.
  database.pragma('cache_size = -512')
  return database
}

/** Pages of 4 KiB that are set aside: some hundred logins. */
const roomPages = 512

/**
 * Has room set aside, in the store and in its write-ahead log: both are filled, and what was filled is given free for use.
 * Whether there is enough now.
 */
function keepRoom(database: Database.Database): boolean {
  const countFree = () => Number(database.pragma('freelist_count', { simple: true }))
  const free = countFree()
  if (free >= roomPages / 2) return true
  try {
    database.exec('drop table if exists room; create table room (filling)')
    database.prepare('insert into room values (zeroblob(?))').run((roomPages - free) * 4096)
    database.exec('drop table room')
    database.pragma('wal_checkpoint(RESTART)')
  } catch (fault) {
    if (!isFull(fault)) throw fault
  }
  return countFree() >= roomPages / 2
}

function isFull(fault: unknown): boolean {
  return fault instanceof Database.SqliteError && fault.code === 'SQLITE_FULL'
}

/** Statements that are kept: more than there are queries. */
const maxStatements = 256

/**
 * The database as Kysely sees it: one that has rolled back by itself, as SQLite does on a full disk, is not told to again.
 * Kysely asks for a new statement with each query; each lives until the garbage collector comes, which does not see how
 * much memory hangs on it. So there is one for each text.
 */
function forKysely(database: Database.Database): SqliteDatabase {
  const statements = new Map<string, Database.Statement>()
  const prepare = (text: string) => {
    const kept = statements.get(text)
    if (kept !== undefined) return kept
    if (statements.size >= maxStatements) statements.clear()
    const made = database.prepare(text)
    statements.set(text, made)
    return made
  }
  return {
    close: () => database.close(),
    prepare: text => prepare(text === 'rollback' && !database.inTransaction ? 'select 1' : text),
  }
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
        throw isFull(fault) ? new StorageFull('the store is full') : fault
      }
    }
  return Object.fromEntries(Object.entries(part).map(([name, method]) => [name, wrap(method)])) as T
}

const instants = [
  ['session', 'began'],
  ['session', 'used'],
  ['grant', 'issued'],
  ['grant', 'spent'],
  ['ticket', 'made'],
] as const

/** Opens the store, makes the file (0600) if there is none, and brings its shape up to date. */
export async function openSqliteStore(path: string): Promise<Store> {
  const database = openFile(path)
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: forKysely(database) }) })
  await migrate(db, database)
  return {
    identities: nameFullDisk(createIdentityStore(db)),
    sessions: nameFullDisk(createSessionStore(db)),
    grants: nameFullDisk(createGrantStore(db)),
    tickets: nameFullDisk(createTicketStore(db)),
    throttle: nameFullDisk(createThrottleStore(db)),
    auditHead: nameFullDisk(createAuditHeadStore(db)),
    async followWallClock(now) {
      for (const [table, column] of instants) {
        const [wall, monotonic] = [sql.ref(`${column}_wall_ms`), sql.ref(`${column}_monotonic_ms`)]
        const shift = sql`update ${sql.table(table)} set ${wall} = ${monotonic} + ${now.wallMs - now.monotonicMs}`
        const isOfOneRun = sql`${sql.ref(`${column}_boot`)} = ${now.boot} and ${monotonic} <= ${now.monotonicMs}`
        await sql`${shift} where ${isOfOneRun}`.execute(db)
      }
    },
    keepRoom: async () => keepRoom(database),
    close: () => db.destroy(),
  }
}
