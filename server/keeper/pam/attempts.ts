/** Starts login attempts, each in a child of its own, with one spare child kept warm while logins are likely. */
import { type Attempt, type AttemptLimits, driveAttempt } from './attempt.ts'
import { type ChildEnd, type PamChild, startChild } from './child-process.ts'
import type { AttemptRequest } from './protocol.ts'

/** How attempts are started. `command` is an absolute program with the child's file; a spare ends after `spareMs` unused, 0 keeps none. */
export interface AttemptsOptions {
  command: readonly [string, ...string[]]
  limits: AttemptLimits
  spareMs: number
  /** Told of each child that did not end by itself with exit code 0. */
  onFault?: (fault: ChildFault) => void
}

/** A child that crashed or was killed. */
export type ChildFault = ChildEnd & { pid: number | undefined }

/** The keeper's way to PAM. How many attempts run at once is the caller's to bound. */
export interface Attempts {
  start(request: AttemptRequest): Attempt
  /** Kills every attempt and the spare, and resolves when all are gone; a password change on its way is finished first. */
  close(): Promise<void>
}

/** Creates the starter of attempts; starts no child yet. */
export function createAttempts({ command, limits, spareMs, onFault }: AttemptsOptions): Attempts {
  const running = new Set<Attempt>()
  let spare: PamChild | null = null
  let spareTimer = setTimeout(() => {}, 0)
  let closed = false

  function takeSpare(): PamChild | null {
    const taken = spare
    spare = null
    clearTimeout(spareTimer)
    return taken?.isRunning() ? taken : null
  }

  /** Keeps a spare child from now on, for `spareMs`: where one logs in, another is likely. */
  function warm(): void {
    if (spareMs === 0 || closed) return
    if (!spare?.isRunning()) spare = startChild(command)
    const { pid, ended } = spare
    if (pid === undefined) void ended.then(how => onFault?.({ pid, ...how }))
    clearTimeout(spareTimer)
    spareTimer = setTimeout(() => takeSpare()?.kill(), spareMs)
  }

  function start(request: AttemptRequest): Attempt {
    if (closed) throw new TypeError('attempts: closed')
    const ready = takeSpare()
    // A start takes time from whoever waits: the next spare's comes while the child works on an answer. After a cold one it waits for the end.
    const attempt = driveAttempt(ready ?? startChild(command), request, limits, ready === null ? undefined : warm)
    running.add(attempt)
    attempt.ended.then(how => {
      running.delete(attempt)
      if (how.exitCode !== 0) onFault?.({ pid: attempt.pid, ...how })
      warm()
    })
    return attempt
  }

  async function close(): Promise<void> {
    closed = true
    const last = takeSpare()
    last?.kill()
    for (const attempt of running) attempt.kill()
    await Promise.all([last?.ended, ...[...running].map(attempt => attempt.ended)])
  }

  return { start, close }
}
