/** Beginning a new trail file, so that a crash at any moment leaves a chain that can be followed. */
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type AuditHead, type AuditStamp, formatLine, hashLine } from './line.ts'
import { openTrailFile, syncDirectory, type TrailFile } from './trail-file.ts'
import { verifyAuditFile } from './verify.ts'

/** A file that was begun, and its head: it opens with an `audit.rotated` line that names its predecessor's. */
export interface Rotated {
  readonly trail: TrailFile
  readonly head: AuditHead
}

/** The name a file gets when it is full: its last sequence number, and the start of its last hash, so that no name comes twice. */
export function rotatedName(file: string, head: AuditHead): string {
  return `${file}.${String(head.seq).padStart(12, '0')}-${head.hash.slice(0, 8)}`
}

/** Puts a new file in the place of `file`, whose last line is `head`. Throws, with the old file still in place, when there is no room. */
export async function rotate(file: string, head: AuditHead, stamp: AuditStamp): Promise<Rotated> {
  const next = nextName(file)
  await rm(next, { force: true })
  const trail = await openTrailFile(next, 'new')
  const previous = rotatedName(file, head)
  const detail = { previous_file: previous, previous_seq: head.seq, previous_hash: head.hash }
  const line = formatLine({ event: 'audit.rotated', outcome: 'ok', detail }, stamp, head)
  try {
    await trail.append(Buffer.from(`${line}\n`))
    await rename(file, previous)
    await rename(next, file)
    await syncDirectory(dirname(file))
  } catch (fault) {
    await trail.close()
    throw fault
  }
  return { trail, head: { seq: head.seq + 1, hash: hashLine(line) } }
}

/** At start: finishes a rotation that was cut off between its two renames, or clears away what it left. */
export async function finishRotation(file: string, stored: AuditHead | null): Promise<void> {
  const next = nextName(file)
  const begun = await openOrNull(next)
  if (begun === null) return
  const { lines } = await begun.readTail(true).finally(() => begun.close())
  const current = await openOrNull(file)
  await current?.close()
  const belongs = current === null && stored !== null && lines.length > 0 && verifyAuditFile(lines, stored).ok
  if (belongs) await rename(next, file)
  else await rm(next)
  await syncDirectory(dirname(file))
}

function nextName(file: string): string {
  return `${file}.next`
}

async function openOrNull(file: string): Promise<TrailFile | null> {
  try {
    return await openTrailFile(file, 'existing')
  } catch (fault) {
    if (fault instanceof Error && 'code' in fault && fault.code === 'ENOENT') return null
    throw fault
  }
}
