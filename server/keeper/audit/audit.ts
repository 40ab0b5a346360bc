/** The audit trail: every record durable before it is confirmed, many records in one write to the disk. */
import type { Clock } from '../clock.ts'
import { AuditError, asAuditError } from './error.ts'
import { safeJson } from './escape.ts'
import { type AuditEntry, type AuditHead, type AuditStamp, formatJournalLine, formatLine, hashLine } from './line.ts'
import { needsWholeFile, recover } from './recover.ts'
import { finishRotation, rotate } from './rotation.ts'
import { openTrailFile, type TrailFile } from './trail-file.ts'

/** Where the head is kept, outside the file, so that a file cut short or exchanged is found out at the next start. */
export interface HeadStore {
  load(): Promise<AuditHead | null>
  save(head: AuditHead): Promise<void>
}

/** `journal` takes one line without newline; `rotateBytes` is the size from which a new file is begun. */
export interface AuditOptions {
  readonly file: string
  readonly clock: Clock
  readonly heads: HeadStore
  readonly journal: (line: string) => void
  readonly rotateBytes: number
}

/** The trail's doors. */
export interface Audit {
  /**
   * Writes an entry and resolves with its sequence number once it is on the disk. A change is made only after its record
   * resolved. Rejects with an `AuditError`: nothing was written, and the change must not be made.
   */
  record(entry: AuditEntry): Promise<number>
  /** Writes an entry that must not stop what it tells of, such as a login: into the journal when the trail cannot be written. Never rejects. */
  note(entry: AuditEntry): Promise<void>
  /** The last line on the disk. */
  head(): AuditHead
  /** Writes the head to the journal, out of reach of who can only change files. */
  journalHead(): void
  /** Writes what waits, saves the head, closes the file. Later records are rejected. */
  close(): Promise<void>
}

interface Waiting {
  readonly entry: AuditEntry
  readonly stamp: AuditStamp
  resolve(seq: number): void
  reject(fault: AuditError): void
}

const LARGEST_BATCH = 256
const LONGEST_QUEUE = 4096

/**
 * Opens the trail, or begins it, and goes on where it ends. A torn last line and every difference from the stored head
 * are recorded, not fatal. Throws when the directory or the file is not safe to write to.
 */
export async function createAudit(options: AuditOptions): Promise<Audit> {
  const stored = await options.heads.load()
  await finishRotation(options.file, stored)
  const trail = await openTrailFile(options.file, 'either')
  const end = await trail.readTail(false)
  const tail = needsWholeFile(end, stored) ? await trail.readTail(true) : end
  const { head, entries } = recover(tail, stored)
  if (tail.torn.length > 0) await trail.truncate(trail.size - tail.torn.length)
  const audit = new AuditTrail(options, trail, head)
  await Promise.all(entries.map(entry => audit.note(entry)))
  return audit
}

class AuditTrail implements Audit {
  readonly #options: AuditOptions
  readonly #queue: Waiting[] = []
  #trail: TrailFile
  #head: AuditHead
  #savedHead: AuditHead | null = null
  #saving: Promise<void> | null = null
  #isSaving = false
  #writing: Promise<void> | null = null
  #journalled = 0
  #isClosed = false

  constructor(options: AuditOptions, trail: TrailFile, head: AuditHead) {
    this.#options = options
    this.#trail = trail
    this.#head = head
  }

  record(entry: AuditEntry): Promise<number> {
    if (this.#isClosed || this.#queue.length >= LONGEST_QUEUE)
      return Promise.reject(new AuditError('audit_failed', 'the audit trail takes no records now'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, stamp: this.#stamp(), resolve, reject })
      this.#writing ??= this.#drain()
    })
  }

  async note(entry: AuditEntry): Promise<void> {
    try {
      await this.record(entry)
    } catch {
      this.#journalled += 1
      this.#options.journal(formatJournalLine(entry, this.#stamp()))
    }
  }

  head(): AuditHead {
    return this.#head
  }

  journalHead(): void {
    this.#options.journal(safeJson({ ...this.#stamp(), event: 'audit.head', ...this.#head }))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing
    await this.#saving
    await this.#trail.close()
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, LARGEST_BATCH)
      try {
        await this.#commit(batch)
      } catch (fault) {
        for (const { reject } of batch) reject(asAuditError(fault))
      }
    }
    this.#writing = null
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    if (this.#trail.size >= this.#options.rotateBytes) await this.#rotate()
    const journalled = this.#journalled
    const resumed: AuditEntry = { event: 'audit.resumed', outcome: 'ok', detail: { journalled } }
    const first = journalled > 0 ? [{ entry: resumed, stamp: this.#stamp(), resolve: () => {} }] : []
    const confirmations: (() => void)[] = []
    const lines: string[] = []
    let head = this.#head
    for (const { entry, stamp, resolve } of [...first, ...batch]) {
      const line = formatLine(entry, stamp, head)
      const seq = head.seq + 1
      head = { seq, hash: hashLine(line) }
      lines.push(`${line}\n`)
      confirmations.push(() => resolve(seq))
    }
    await this.#trail.append(Buffer.from(lines.join('')))
    this.#head = head
    this.#journalled -= journalled
    for (const confirm of confirmations) confirm()
    if (!this.#isSaving) this.#saving = this.#saveHead()
  }

  async #rotate(): Promise<void> {
    // The store must know the old file's last line first: a file exchanged during the rotation would not be noticed else.
    await this.#saving
    await this.#options.heads.save(this.#head)
    const full = this.#trail
    const { trail, head } = await rotate(this.#options.file, this.#head, this.#stamp())
    this.#trail = trail
    this.#head = head
    await full.close()
  }

  /** Follows the head in the background: the store may lag, and `recover` knows what to make of it. */
  async #saveHead(): Promise<void> {
    this.#isSaving = true
    try {
      while (this.#savedHead !== this.#head) {
        const head = this.#head
        await this.#options.heads.save(head)
        this.#savedHead = head
      }
    } catch (fault) {
      const reason = fault instanceof Error ? fault.message : 'unknown fault'
      this.#options.journal(
        formatJournalLine({ event: 'audit.head_unsaved', outcome: 'failed', reason }, this.#stamp()),
      )
    }
    this.#isSaving = false
  }

  #stamp(): AuditStamp {
    const { clock } = this.#options
    return { time: new Date(clock.wallMs()).toISOString(), boot: clock.bootId }
  }
}
