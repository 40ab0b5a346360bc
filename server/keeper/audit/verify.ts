/** Whether lines of an audit trail are what was written: each tied by its hash to the one before, none missing. */
import { type AuditHead, hashLine, type ParsedLine, parseLine } from './line.ts'

/** Why a line does not belong where it is. */
export type AuditFlaw = 'unreadable' | 'altered' | 'missing'

/**
 * A whole chain with its head (null when there were no lines) and the sequence numbers at which the keeper itself
 * recorded that something was lost; or the first sequence number that is wrong, as it should have been, and its line (from 1).
 */
export type Verification =
  | { readonly ok: true; readonly head: AuditHead | null; readonly gaps: readonly number[] }
  | { readonly ok: false; readonly seq: number; readonly line: number; readonly flaw: AuditFlaw }

/**
 * Checks the lines of one file, without their newlines, oldest first. `predecessor` is the head of the file before it, or
 * of the store; without it the first line is taken at its word. What is *not* checked: that nothing was cut off at the
 * end (compare the head with the store's), and what the members say.
 */
export function verifyAuditFile(lines: Iterable<string>, predecessor: AuditHead | null = null): Verification {
  let head = predecessor
  let number = 0
  const gaps: number[] = []
  for (const line of lines) {
    number += 1
    const parsed = parseLine(line)
    const flaw = findFlaw(parsed, head)
    if (parsed === null || flaw !== null)
      return { ok: false, seq: (head?.seq ?? 0) + 1, line: number, flaw: flaw ?? 'unreadable' }
    if (parsed.event === 'audit.gap') gaps.push(parsed.seq)
    head = { seq: parsed.seq, hash: hashLine(line) }
  }
  return { ok: true, head, gaps }
}

function findFlaw(parsed: ParsedLine | null, head: AuditHead | null): AuditFlaw | null {
  if (parsed === null) return 'unreadable'
  if (head === null) return null
  // After a loss the numbers go on from the store's head, so that the record of it may jump ahead.
  const isRecordedGap = parsed.event === 'audit.gap' && parsed.seq > head.seq
  if (parsed.seq !== head.seq + 1 && !isRecordedGap) return parsed.seq > head.seq ? 'missing' : 'altered'
  return parsed.prev === head.hash ? null : 'altered'
}
