/** What the trail looks like at start, compared with the head that the store remembers. */
import type { AuditEntry, AuditHead } from './line.ts'
import { EMPTY_HEAD, hashLine, parseLine } from './line.ts'
import type { Tail } from './trail-file.ts'
import { verifyAuditFile } from './verify.ts'

/** How a trail differs from what the store remembers. */
export type GapKind = 'missing' | 'shortened' | 'altered' | 'head_unknown'

/** The head to go on from, and what has to be recorded first. */
export interface Recovery {
  readonly head: AuditHead
  readonly entries: readonly AuditEntry[]
}

/**
 * Whether the tail is too short to find the stored head in it, so that the whole file must be read before `recover` is asked.
 */
export function needsWholeFile(tail: Tail, stored: AuditHead | null): boolean {
  if (!tail.hasMore) return false
  if (tail.lines.length === 0) return true
  return stored !== null && !tail.lines.some(line => parseLine(line)?.seq === stored.seq)
}

/** Finds where to go on. A torn end and every difference from the stored head become entries; nothing is fatal. */
export function recover(tail: Tail, stored: AuditHead | null): Recovery {
  const found = lastHead(tail.lines, stored)
  const gap = findGap(tail.lines, stored)
  const entries: AuditEntry[] = []
  if (gap !== null) entries.push(gapEntry(gap, stored, found))
  if (tail.torn.length > 0) entries.push(tornEntry(tail.torn))
  // A lost line's number is not given again.
  const seq = gap === null ? found.seq : Math.max(found.seq, stored?.seq ?? 0)
  return { head: { seq, hash: found.hash }, entries }
}

function lastHead(lines: readonly string[], stored: AuditHead | null): AuditHead {
  const last = lines.at(-1)
  if (last === undefined) return stored ?? EMPTY_HEAD
  return { seq: parseLine(last)?.seq ?? stored?.seq ?? 0, hash: hashLine(last) }
}

function findGap(lines: readonly string[], stored: AuditHead | null): GapKind | null {
  if (stored === null) return lines.length === 0 ? null : 'head_unknown'
  if (lines.length === 0) return 'missing'
  const index = lines.findIndex(line => parseLine(line)?.seq === stored.seq)
  const atStored = lines[index]
  if (atStored === undefined) return followsDirectly(lines, stored) ? null : 'shortened'
  if (hashLine(atStored) !== stored.hash) return 'altered'
  return verifyAuditFile(lines.slice(index + 1), stored).ok ? null : 'altered'
}

/** A file that was begun just before the store could be told of it. */
function followsDirectly(lines: readonly string[], stored: AuditHead): boolean {
  return verifyAuditFile(lines, stored).ok
}

function gapEntry(kind: GapKind, stored: AuditHead | null, found: AuditHead): AuditEntry {
  const detail = { stored_seq: stored?.seq ?? null, stored_hash: stored?.hash ?? null, found_seq: found.seq }
  return { event: 'audit.gap', outcome: 'failed', reason: kind, detail }
}

function tornEntry(torn: Buffer): AuditEntry {
  return {
    event: 'audit.torn',
    outcome: 'failed',
    detail: { bytes: torn.length, text: torn.toString('utf8', 0, 1024) },
  }
}
