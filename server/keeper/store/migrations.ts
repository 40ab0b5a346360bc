/** The store's shape, as steps that are each applied once, in order, and never changed afterwards. */
import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.ts'

export interface Migration {
  readonly name: string
  up(db: Kysely<Schema>): Promise<void>
}

/**
 * An instant is three columns, `*_wall_ms`, `*_boot`, `*_monotonic_ms`: within the boot the monotonic clock counts,
 * across boots the wall clock.
 */
const first: Migration = {
  name: '0001-sessions',
  async up(db) {
    const statements = [
      sql`create table identity (
        id integer primary key autoincrement, realm text not null, name text not null,
        uid integer, -- a system account is bound to name and uid: a re-created one is somebody else
        groups text not null, -- JSON array of names, as libc gave them at the last login or refresh
        created_ms integer not null) strict`,
      sql`create unique index identity_name on identity (realm, name, coalesce(uid, -1))`,
      sql`create table session (
        id text primary key, identity integer not null references identity (id), kind text not null,
        amr text not null, source text not null, agent text,
        bound_uid integer, -- the only uid whose loopback connections may use this cookie session
        role_cap text, audience text not null,
        began_wall_ms integer not null, began_boot text not null, began_monotonic_ms integer not null,
        lifetime_ms integer not null, idle_ms integer,
        used_wall_ms integer not null, used_boot text not null, used_monotonic_ms integer not null) strict`,
      sql`create index session_identity on session (identity)`,
      sql`create table "grant" (
        jti text primary key, session text not null references session (id) on delete cascade,
        issued_wall_ms integer not null, issued_boot text not null, issued_monotonic_ms integer not null,
        access_ms integer not null,
        refresh_hash text unique, -- SHA-256 of the refresh token
        refresh_ms integer,
        spent_wall_ms integer, spent_boot text, spent_monotonic_ms integer, spent_source text, successor text) strict`,
      sql`create index grant_session on "grant" (session)`,
      sql`create table throttle (key text primary key, row text not null) strict`,
      sql`create table audit_head (id integer primary key check (id = 1), seq integer not null, hash text not null) strict`,
    ]
    for (const statement of statements) await statement.execute(db)
  },
}

const tickets: Migration = {
  name: '0002-tickets',
  async up(db) {
    const statements = [
      sql`create table ticket (
        hash text primary key, -- SHA-256 of what the link carries
        identity integer not null references identity (id), kind text not null, role_cap text,
        bound_uid integer, -- the only uid whose connections may spend it
        made_wall_ms integer not null, made_boot text not null, made_monotonic_ms integer not null,
        ttl_ms integer) strict`, // null: until it is spent
      sql`create index ticket_identity on ticket (identity)`,
    ]
    for (const statement of statements) await statement.execute(db)
  },
}

const ticketMakers: Migration = {
  name: '0003-ticket-makers',
  async up(db) {
    // Null: by root's token, whose session is another one every few minutes, or by the daemon itself.
    await sql`alter table ticket add column made_by text references session (id) on delete cascade`.execute(db)
    await sql`create index ticket_made_by on ticket (made_by)`.execute(db)
  },
}

export const migrations: readonly Migration[] = [first, tickets, ticketMakers]
