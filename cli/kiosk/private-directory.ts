/** A directory in memory that only its user can open, where a browser keeps everything it writes; nothing of it reaches a disk. */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, type Stats, statfsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { CommandFault } from '../fault.ts'

const prefix = 'postern-kiosk-'
/** The kernel's numbers for tmpfs and ramfs (statfs(2)). */
const memory = [0x01021994, 0x858458f6]

/** Where such directories are made: the session's own XDG_RUNTIME_DIR, else /dev/shm. Throws a `CommandFault` when neither will do. */
export function findMemory(env: NodeJS.ProcessEnv, uid: number): string {
  const found = [env.XDG_RUNTIME_DIR, '/dev/shm'].find(path => path?.startsWith('/') && isFit(path, uid))
  if (found !== undefined) return found
  throw new CommandFault(
    'storage',
    "there is no directory in memory for the browser's profile: neither XDG_RUNTIME_DIR nor /dev/shm is a tmpfs of yours",
    'start it in a login session: PAMName=login in its unit, or a display manager',
  )
}

function isFit(path: string, uid: number): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isDirectory() === true && isSafe(stat, uid) && memory.includes(statfsSync(path).type)
}

/** One's own and closed to others, or root's where nobody can rename what is another's. */
function isSafe({ uid: owner, mode }: Stats, uid: number): boolean {
  return (owner === uid && (mode & 0o022) === 0) || (owner === 0 && (mode & 0o1000) !== 0)
}

/** Makes one below `memory`, mode 0700, named after this process; with an empty `tmp` in it. */
export function makePrivateDirectory(memory: string): string {
  const path = mkdtempSync(join(memory, `${prefix}${process.pid}-`))
  mkdirSync(join(path, 'tmp'), { mode: 0o700 })
  return path
}

/** Removes it with all that is in it. A browser that is just dying may still write: it is tried for a while. */
export function removePrivateDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

/** Removes what kiosks of this user left that were killed without a chance to clean up. */
export function sweepPrivateDirectories(memory: string, uid: number): void {
  for (const entry of readdirSync(memory, { withFileTypes: true })) {
    const path = join(memory, entry.name)
    if (isLeftOver(entry.name) && lstatSync(path, { throwIfNoEntry: false })?.uid === uid) removePrivateDirectory(path)
  }
}

function isLeftOver(name: string): boolean {
  const [, pid] = /^postern-kiosk-(\d+)-\w{6}$/.exec(basename(name)) ?? []
  if (pid === undefined) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (fault) {
    return fault instanceof Error && 'code' in fault && fault.code === 'ESRCH'
  }
}
