/** Grants in the store: each pair of access and refresh token that was handed out. */
import type { Kysely, Selectable } from 'kysely'
import type { Instant } from '../instant.ts'
import type { GrantTable, Schema } from './schema.ts'

export interface Grant {
  /** The access token's `jti`. */
  readonly jti: string
  readonly session: string
  readonly issued: Instant
  readonly accessMs: number
  readonly refreshHash: string | null
  readonly refreshMs: number | null
  /** Set once the refresh token was used: when, from where, and the grant that came of it. */
  readonly spent: { readonly at: Instant; readonly source: string; readonly successor: string } | null
}

export interface GrantStore {
  find(jti: string): Promise<Grant | null>
  findByRefreshHash(hash: string): Promise<Grant | null>
  /**
   * Marks `jti` as spent for `next` and adds `next`; removes `instead`, the successor that was lost. All or nothing:
   * false when `jti` is gone.
   */
  rotate(jti: string, spent: { at: Instant; source: string }, next: Grant, instead: string | null): Promise<boolean>
  /** Removes grants of a session but the newest `keep`. */
  prune(session: string, keep: number): Promise<void>
}

type Row = Selectable<GrantTable>

function toGrant(row: Row): Grant {
  const { spent_wall_ms: wallMs, spent_boot: boot, spent_monotonic_ms: monotonicMs, spent_source, successor } = row
  const isSpent =
    wallMs !== null && boot !== null && monotonicMs !== null && spent_source !== null && successor !== null
  return {
    jti: row.jti,
    session: row.session,
    issued: { wallMs: row.issued_wall_ms, boot: row.issued_boot, monotonicMs: row.issued_monotonic_ms },
    accessMs: row.access_ms,
    refreshHash: row.refresh_hash,
    refreshMs: row.refresh_ms,
    spent: isSpent ? { at: { wallMs, boot, monotonicMs }, source: spent_source, successor } : null,
  }
}

/** The row of a grant, for who adds it with something else. */
export function toGrantRow(grant: Grant): Row {
  return {
    jti: grant.jti,
    session: grant.session,
    issued_wall_ms: grant.issued.wallMs,
    issued_boot: grant.issued.boot,
    issued_monotonic_ms: grant.issued.monotonicMs,
    access_ms: grant.accessMs,
    refresh_hash: grant.refreshHash,
    refresh_ms: grant.refreshMs,
    spent_wall_ms: grant.spent?.at.wallMs ?? null,
    spent_boot: grant.spent?.at.boot ?? null,
    spent_monotonic_ms: grant.spent?.at.monotonicMs ?? null,
    spent_source: grant.spent?.source ?? null,
    successor: grant.spent?.successor ?? null,
  }
}

/** The grants of a SQLite store. */
export function createGrantStore(db: Kysely<Schema>): GrantStore {
  const find = async (column: 'jti' | 'refresh_hash', value: string) => {
    const row = await db.selectFrom('grant').selectAll().where(column, '=', value).executeTakeFirst()
    return row ? toGrant(row) : null
  }
  return {
    find: jti => find('jti', jti),
    findByRefreshHash: hash => find('refresh_hash', hash),
    async rotate(jti, spent, next, instead) {
      return db.transaction().execute(async step => {
        if (instead !== null) await step.deleteFrom('grant').where('jti', '=', instead).execute()
        const { numUpdatedRows } = await step
          .updateTable('grant')
          .set({
            spent_wall_ms: spent.at.wallMs,
            spent_boot: spent.at.boot,
            spent_monotonic_ms: spent.at.monotonicMs,
            spent_source: spent.source,
            successor: next.jti,
          })
          .where('jti', '=', jti)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) return false
        await step.insertInto('grant').values(toGrantRow(next)).execute()
        return true
      })
    },
    async prune(session, keep) {
      const newest = db
        .selectFrom('grant')
        .select('jti')
        .where('session', '=', session)
        .orderBy('rowid' as 'jti', 'desc')
        .limit(keep)
      await db.deleteFrom('grant').where('session', '=', session).where('jti', 'not in', newest).execute()
    },
  }
}
