/** A lock between processes: a file that only one can create, with the number of its process in it. */
import { linkSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { CommandFault } from './fault.ts'

/** How long a command waits for another, in milliseconds, and after how long a lock counts as left behind. */
const waitMs = 15_000
const abandonedMs = 60_000
const pauseMs = 25

/** Runs `body` while this process alone holds the lock at `path`. Throws a `CommandFault` when another keeps it for too long. */
export async function withLock<T>(path: string, body: () => Promise<T>): Promise<T> {
  await acquire(path)
  try {
    return await body()
  } finally {
    removeIfThere(path)
  }
}

async function acquire(path: string): Promise<void> {
  const own = `${path}.${process.pid}`
  writeFileSync(own, String(process.pid), { mode: 0o600 })
  try {
    for (let waitedMs = 0; !tryLink(own, path); waitedMs += pauseMs) {
      if (waitedMs >= waitMs) throw new CommandFault('later', 'another postern command holds the stored logins')
      if (isAbandoned(path)) stealFrom(path)
      await wait(pauseMs)
    }
  } finally {
    removeIfThere(own)
  }
}

/** A link appears at once with its content; opening with O_EXCL would show an empty file for an instant. */
function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (fault) {
    if (isCode(fault, 'EEXIST')) return false
    throw fault
  }
}

function isAbandoned(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return !isAlive(pid) || Date.now() - statSync(path).ctimeMs > abandonedMs
  } catch (fault) {
    if (isCode(fault, 'ENOENT')) return false
    throw fault
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (fault) {
    return isCode(fault, 'EPERM')
  }
}

/** Takes an abandoned lock away. If another was quicker and it is theirs by now, it is put back. */
function stealFrom(path: string): void {
  const taken = `${path}.${process.pid}.taken`
  try {
    renameSync(path, taken)
    if (!isAbandoned(taken)) tryLink(taken, path)
  } catch (fault) {
    if (!isCode(fault, 'ENOENT')) throw fault
  } finally {
    removeIfThere(taken)
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (fault) {
    if (!isCode(fault, 'ENOENT')) throw fault
  }
}

function isCode(fault: unknown, code: string): boolean {
  return fault instanceof Error && (fault as NodeJS.ErrnoException).code === code
}
