/** Reading a file that root will obey: regular, small, owned by root or by the reader, writable by nobody else. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { join } from 'node:path'

/** A file's text and permission bits, or why there is none; `missing` means that the name does not exist. */
export type ReadOutcome = { ok: true; text: string; mode: number } | { ok: false; missing: boolean; message: string }

const MAX_BYTES = 256 * 1024

/** Reads one file. What is checked is the file that was opened, so a symbolic link is as good as what it leads to. */
export function readTrustedFile(path: string, uid: number): ReadOutcome {
  let fd: number
  try {
    // O_NONBLOCK: a FIFO in the file's place must not hold the start.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    return unreadable(path, error)
  }
  try {
    const stat = fstatSync(fd)
    const message = distrust(stat, uid) ?? (stat.isFile() ? null : 'expected a regular file')
    if (message !== null) return { ok: false, missing: false, message }
    return readText(fd, stat.mode & 0o7777)
  } catch (error) {
    return unreadable(path, error)
  } finally {
    closeSync(fd)
  }
}

/** The `*.yml` of a directory in the order of their names; none where there is no such directory. */
export function listTrustedFiles(path: string, uid: number): { files: string[]; message: string | null } {
  try {
    const message = distrust(statSync(path), uid)
    if (message !== null) return { files: [], message }
    const names = readdirSync(path).filter(name => name.endsWith('.yml') && !name.startsWith('.'))
    return { files: names.sort().map(name => join(path, name)), message: null }
  } catch (error) {
    const { missing, message } = unreadable(path, error)
    return { files: [], message: missing ? null : message }
  }
}

/** Whether a file of this mode can be read by others than its owner, or run by anybody. */
export function isExposed(mode: number): boolean {
  return (mode & 0o177) !== 0
}

function distrust(stat: Stats, uid: number): string | null {
  if (stat.uid !== 0 && stat.uid !== uid)
    return `owned by uid ${stat.uid}, expected root${uid === 0 ? '' : ' or yourself'}`
  if ((stat.mode & 0o022) === 0) return null
  return `writable by others (mode ${octal(stat.mode)}), expected by its owner alone`
}

function readText(fd: number, mode: number): ReadOutcome {
  const buffer = Buffer.alloc(MAX_BYTES + 1)
  let length = 0
  for (let got = -1; got !== 0 && length < buffer.length; length += got) {
    got = readSync(fd, buffer, length, buffer.length - length, null)
  }
  if (length > MAX_BYTES)
    return { ok: false, missing: false, message: `too long, expected at most ${MAX_BYTES / 1024} KiB` }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length)), mode }
  } catch {
    return { ok: false, missing: false, message: 'expected text in UTF-8' }
  }
}

function unreadable(path: string, error: unknown): { ok: false; missing: boolean; message: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const dangling = lstatSync(path, { throwIfNoEntry: false }) !== undefined
    return { ok: false, missing: !dangling, message: dangling ? 'a link that leads nowhere' : 'no such file' }
  }
  return { ok: false, missing: false, message: `cannot be read (${code})` }
}

/** Permission bits as `chmod` takes them. */
export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
