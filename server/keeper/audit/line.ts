/** One line of the audit trail: its members, its bounds, and the hash that ties it to the line before. */
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { boundText, safeJson } from './escape.ts'

/** What a caller records. Texts may hold anything; they are escaped and cut at 256 characters, `detail` at 16 members. Never a secret. */
export interface AuditEntry {
  /** Dotted, such as `login.refused`. */
  readonly event: string
  readonly user?: string
  readonly identity?: string
  readonly source?: string
  readonly session?: string
  /** `intended`: about to be done; `ok`: done; `refused`: a no; `failed`: broken. */
  readonly outcome: 'intended' | 'ok' | 'refused' | 'failed'
  readonly reason?: string
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** Where the trail ends: the last line's sequence number and hash. */
export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

/** When an entry was made: RFC 3339 time and boot id. */
export interface AuditStamp {
  readonly time: string
  readonly boot: string
}

/** The head of a trail without lines. */
export const EMPTY_HEAD: AuditHead = { seq: 0, hash: '0'.repeat(64) }

/** No line is longer, in bytes, its newline included. */
export const LONGEST_LINE = 65_536

const LONGEST_TEXT = 256
const MOST_DETAILS = 16

const Line = z.looseObject({
  seq: z.int().positive(),
  event: z.string(),
  prev: z.string().regex(/^[0-9a-f]{64}$/),
})

/** The members of a line that the chain needs. */
export type ParsedLine = z.infer<typeof Line>

/** The line that follows `head`, without its newline. */
export function formatLine(entry: AuditEntry, stamp: AuditStamp, head: AuditHead): string {
  return safeJson({ seq: head.seq + 1, ...stamp, ...boundEntry(entry), prev: head.hash })
}

/** The line for the journal when the trail cannot be written: without sequence number and hash. */
export function formatJournalLine(entry: AuditEntry, stamp: AuditStamp): string {
  return safeJson({ ...stamp, ...boundEntry(entry) })
}

/** The members of a line, or null when it is none. */
export function parseLine(line: string): ParsedLine | null {
  try {
    return Line.safeParse(JSON.parse(line)).data ?? null
  } catch {
    return null
  }
}

/** SHA-256 of the line as written, without its newline, in hexadecimal. */
export function hashLine(line: string): string {
  return createHash('sha256').update(line).digest('hex')
}

/** The members in a fixed order, each bounded; unknown members are left out. */
function boundEntry(entry: AuditEntry): Record<string, unknown> {
  const { event, user, identity, source, session, outcome, reason, detail } = entry
  const texts = { event, user, identity, source, session, outcome, reason }
  const bounded = Object.entries(texts).map(([name, value]) => [name, boundValue(value)])
  return { ...Object.fromEntries(bounded), ...(detail && { detail: boundDetail(detail) }) }
}

function boundDetail(detail: NonNullable<AuditEntry['detail']>): Record<string, unknown> {
  const members = Object.entries(detail).slice(0, MOST_DETAILS)
  return Object.fromEntries(members.map(([name, value]) => [boundText(name, 64), boundValue(value)]))
}

function boundValue(value: unknown): unknown {
  return typeof value === 'string' ? boundText(value, LONGEST_TEXT) : value
}
