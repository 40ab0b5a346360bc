/** A disk that a test can fill: a tmpfs of its own; needs root. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanAtEnd } from './cleanup.ts'

/** A mounted disk, until `remove()` or the end of the process. */
export interface SmallDisk {
  readonly path: string
  /** Writes until there is no room left. */
  fill(): void
  /** Removes what `fill` wrote. */
  free(): void
  remove(): void
}

/** Mounts one of that many bytes, root's alone. */
export function mountSmallDisk(bytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'postern-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', path])
  const filling = join(path, 'filling')
  const unmount = () => {
    // Lazily: a process that is about to end may still hold a file.
    execFileSync('umount', ['--lazy', path])
    rmdirSync(path)
  }
  const forget = cleanAtEnd(unmount)
  const remove = () => {
    if (forget()) unmount()
  }
  return { path, fill: () => fill(filling), free: () => rmSync(filling, { force: true }), remove }
}

function fill(path: string): void {
  const fd = openSync(path, 'a')
  try {
    for (const size of [65_536, 1]) while (isRoomFor(fd, Buffer.alloc(size)));
  } finally {
    closeSync(fd)
  }
}

function isRoomFor(fd: number, bytes: Buffer): boolean {
  try {
    return writeSync(fd, bytes) > 0
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw fault
  }
}
