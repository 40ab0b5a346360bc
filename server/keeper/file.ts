/** Files that hold secrets: written so that nobody else can read, replace or redirect them at any instant. */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Random } from './clock.ts'

/** Throws unless `path` is a directory, no link, of this uid (or root's), and not writable by others. */
export function requireOwnDirectory(path: string, uid = process.getuid?.() ?? 0): void {
  const stat = lstatSync(path)
  if (!stat.isDirectory()) throw new Error(`${path} is not a directory`)
  if (stat.uid !== uid && stat.uid !== 0) throw new Error(`${path} belongs to uid ${stat.uid}, not to ${uid}`)
  if ((stat.mode & 0o022) !== 0) throw new Error(`${path} is writable by others`)
}

/**
 * Throws when somebody else could put another directory in the place of `path` or of one above it: each must be of this
 * uid or root's, and writable by nobody else, unless it is sticky as /tmp is (there only owners rename what they own).
 */
export function requireSafeParents(path: string, uid = process.getuid?.() ?? 0): void {
  // As written and as resolved: a link is as good as the directory that holds it, and as those it leads through.
  for (const parent of new Set([...parentsOf(path), ...parentsOf(realpathSync(path))])) {
    const stat = lstatSync(parent)
    if (stat.uid !== uid && stat.uid !== 0)
      throw new Error(`${parent} belongs to uid ${stat.uid}, who could put another directory in the place of ${path}`)
    const isSticky = (stat.mode & 0o1000) !== 0
    if (stat.isDirectory() && (stat.mode & 0o022) !== 0 && !isSticky)
      throw new Error(`${parent} is writable by others, who could put another directory in the place of ${path}`)
  }
}

/** The directories above `path`, the nearest first. */
function parentsOf(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [] : [parent, ...parentsOf(parent)]
}

/** Makes the directory if it is missing, with exactly this mode, and requires it to be ours. Parents are made 0755. */
export function makeOwnDirectory(path: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  try {
    mkdirSync(path, { mode })
    chmodSync(path, mode)
  } catch (fault) {
    if (!isErrno(fault, 'EEXIST')) throw fault
  }
  requireOwnDirectory(path)
  requireSafeParents(path)
}

/**
 * Makes a directory that belongs to `owner` (ourselves when null) if it is missing. One that is there must be a directory,
 * no link, of that owner or root.
 */
export function makeDirectoryFor(path: string, owner: { uid: number; gid: number } | null, mode: number): void {
  if (owner === null) return makeOwnDirectory(path, mode)
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  try {
    mkdirSync(path, { mode: 0o700 })
    requireSafeParents(path)
    lchownSync(path, owner.uid, owner.gid)
    chmodSync(path, mode)
  } catch (fault) {
    if (!isErrno(fault, 'EEXIST')) throw fault
    requireOwnDirectory(path, owner.uid)
  }
}

/** Whether `fault` is the system's error of that code, such as `ENOENT`. */
export function isErrno(fault: unknown, code: string): boolean {
  return fault instanceof Error && (fault as NodeJS.ErrnoException).code === code
}

/**
 * Writes `text` to `path` with exactly `mode`, for `owner` if one is given, by a new file and a rename: a reader sees the
 * former content or the whole new one, and a file or link that somebody put in the way is replaced, never followed.
 * Durable when it returns.
 */
export function writeSecretFile(
  path: string,
  text: string,
  random: Random,
  mode: number,
  owner?: { readonly uid: number; readonly gid: number },
): void {
  const directory = dirname(path)
  requireOwnDirectory(directory)
  requireSafeParents(directory)
  const temporary = `${path}.${random(9).toString('base64url')}`
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o400)
  try {
    // To the last byte, or a throw: a disk that fills up would make a short file of it.
    writeFileSync(fd, text)
    if (owner !== undefined && owner.uid !== process.getuid?.()) fchownSync(fd, owner.uid, owner.gid)
    fchmodSync(fd, mode)
    fsyncSync(fd)
    renameSync(temporary, path)
  } catch (fault) {
    unlinkSync(temporary)
    throw fault
  } finally {
    closeSync(fd)
  }
  syncDirectory(directory)
}

/** A name is on the disk once its directory is. */
function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * The text of a file of ours; null if there is none. Throws for a link, for what is no plain file, and for one that
 * others own, can write, or can read.
 */
export function readSecretFile(path: string): string | null {
  let fd: number
  try {
    // Not waiting: a pipe in the way would hold the keeper for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (fault) {
    if (isErrno(fault, 'ENOENT')) return null
    if (isErrno(fault, 'ELOOP')) throw new Error(`${path} is a link, expected a file`)
    throw fault
  }
  try {
    const stat = fstatSync(fd)
    const uid = process.getuid?.() ?? 0
    if (!stat.isFile()) throw new Error(`${path} is no plain file`)
    if (stat.uid !== uid && stat.uid !== 0) throw new Error(`${path} belongs to uid ${stat.uid}, not to ${uid}`)
    if ((stat.mode & 0o077) !== 0) throw new Error(`${path} can be read or written by others: chmod 600 it`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/** Removes a file; it is fine if there is none. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (fault) {
    if (!isErrno(fault, 'ENOENT')) throw fault
  }
}
