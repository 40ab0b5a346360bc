/** The file that the audit trail is written to: opened safely, appended durably, never left with half a line. */
import { constants } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AuditError } from './error.ts'
import { LONGEST_LINE } from './line.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_DIRECTORY, O_RDONLY } = constants
const WINDOW = 2 * LONGEST_LINE

/** Whole lines without their newlines, whether the file has more before them, and the bytes after the last newline. */
export interface Tail {
  readonly lines: string[]
  readonly hasMore: boolean
  readonly torn: Buffer
}

/** An open file that only this process writes to. */
export interface TrailFile {
  readonly size: number
  /** Appends and waits until it is on the disk. After a fault nothing of it is left, or the file refuses everything from then on. */
  append(bytes: Buffer): Promise<void>
  /** Reads the end of the file, or all of it. */
  readTail(whole: boolean): Promise<Tail>
  /** Cuts the file at that size, on the disk. */
  truncate(size: number): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a trail, 0600 when it is made. `mode` `new` insists on making it. Throws when the directory or the file belongs to
 * another, another could write to them, the file is a link or has a second name, or others may read it.
 */
export async function openTrailFile(file: string, mode: 'existing' | 'new' | 'either'): Promise<TrailFile> {
  await checkDirectory(dirname(file))
  const create = { existing: 0, new: O_CREAT | O_EXCL, either: O_CREAT }[mode]
  const handle = await open(file, O_RDWR | O_APPEND | O_NOFOLLOW | create, 0o600)
  try {
    await checkFile(handle, file)
    if (mode !== 'existing') await syncDirectory(dirname(file))
    return new OpenTrailFile(handle, (await handle.stat()).size)
  } catch (fault) {
    await handle.close()
    throw fault
  }
}

/** Waits until names made, changed or removed in a directory are on the disk. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, O_RDONLY | O_DIRECTORY)
  await handle.sync().finally(() => handle.close())
}

async function checkDirectory(directory: string): Promise<void> {
  const stat = await lstat(directory)
  const isOurs = stat.isDirectory() && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0
  if (!isOurs)
    throw new AuditError(
      'audit_failed',
      `${directory} must be a directory that only its owner, this user, can write to`,
    )
}

async function checkFile(handle: FileHandle, file: string): Promise<void> {
  const stat = await handle.stat()
  const isOurs = stat.isFile() && stat.uid === process.geteuid?.() && stat.nlink === 1 && (stat.mode & 0o137) === 0
  if (!isOurs)
    throw new AuditError(
      'audit_failed',
      `${file} must be a plain file of this user with one name and mode 0600 or 0640`,
    )
}

class OpenTrailFile implements TrailFile {
  readonly #handle: FileHandle
  #size: number
  #isBroken = false

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  async append(bytes: Buffer): Promise<void> {
    if (this.#isBroken) throw new AuditError('audit_failed', 'the audit trail could not be repaired after a fault')
    try {
      for (let written = 0; written < bytes.length; ) {
        written += (await this.#handle.write(bytes, written)).bytesWritten
      }
      await this.#handle.datasync()
      this.#size += bytes.length
    } catch (fault) {
      await this.#undo()
      throw fault
    }
  }

  async readTail(whole: boolean): Promise<Tail> {
    const from = whole ? 0 : Math.max(0, this.#size - WINDOW)
    const bytes = Buffer.alloc(this.#size - from)
    for (let got = 0; got < bytes.length; ) {
      const { bytesRead } = await this.#handle.read(bytes, got, bytes.length - got, from + got)
      if (bytesRead === 0) throw new AuditError('audit_failed', 'the audit trail shrank while it was read')
      got += bytesRead
    }
    const end = bytes.lastIndexOf('\n') + 1
    const lines = bytes
      .subarray(0, end)
      .toString()
      .split('\n')
      .slice(from > 0 ? 1 : 0, -1)
    return { lines, hasMore: from > 0, torn: bytes.subarray(end) }
  }

  async truncate(size: number): Promise<void> {
    await this.#handle.truncate(size)
    await this.#handle.datasync()
    this.#size = size
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  /** Half a line must not stay: the next one would be glued to it. */
  async #undo(): Promise<void> {
    try {
      await this.truncate(this.#size)
    } catch {
      this.#isBroken = true
    }
  }
}
