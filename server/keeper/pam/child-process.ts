/** A PAM child as the keeper holds it: a process with an empty environment, bounded lines, and a certain end. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { MAX_CHILD_LINE_BYTES } from './protocol.ts'

/** A started child. It waits for its first line as long as nobody sends one. */
export interface PamChild {
  /** Undefined when the process could not be started; `ended` then says why. */
  readonly pid: number | undefined
  /** Resolves when the process is gone and all that it said was read; never rejects. */
  readonly ended: Promise<ChildEnd>
  isRunning(): boolean
  /** Writes one line; a child that is gone swallows it. */
  send(line: object): void
  /** Who gets the lines from now on; `onFlood` is told when the child says more than an attempt can. */
  listen(onLine: (text: string) => void, onFlood: () => void): void
  /** SIGKILL for the child and what it started in its process group. */
  kill(): void
}

/** How a child ended; `stderr` is its first 4 KiB, for the log. */
export interface ChildEnd {
  exitCode: number | null
  signal: string | null
  stderr: string
}

/** Starts a child: `command` is an absolute program and its arguments. Never throws: one that cannot be started has ended. */
export function startChild(command: readonly [string, ...string[]]): PamChild {
  const [program, ...args] = command
  try {
    // Its own session: a Ctrl-C at the keeper's terminal is not for it, and its helpers end with it.
    const child = spawn(program, args, { env: {}, cwd: '/', stdio: 'pipe', detached: true })
    // Without a descriptor left it has no pipes either, whatever its type says.
    return child.pid === undefined ? createEnded(once(child, 'error')) : createRunning(child)
  } catch (fault) {
    return createEnded(Promise.resolve([fault]))
  }
}

function createEnded(faults: Promise<unknown[]>): PamChild {
  const ended = faults.then(([fault]) => ({ exitCode: null, signal: null, stderr: String(fault) }))
  return { pid: undefined, ended, isRunning: () => false, send: () => {}, listen: () => {}, kill: () => {} }
}

function createRunning(child: ChildProcessWithoutNullStreams): PamChild {
  let onLine: (text: string) => void = () => {}
  let onFlood: () => void = () => {}
  child.stdout.on(
    'data',
    createLineReader(
      text => onLine(text),
      () => onFlood(),
    ),
  )
  child.stdin.on('error', () => {}) // EPIPE: `ended` tells
  const isRunning = () => child.exitCode === null && child.signalCode === null
  return {
    pid: child.pid,
    ended: waitForEnd(child),
    isRunning,
    send: line => void child.stdin.write(`${JSON.stringify(line)}\n`),
    listen(line, flood) {
      onLine = line
      onFlood = flood
    },
    kill() {
      // Once it is reaped, its number may be somebody else's.
      if (isRunning()) killGroup(child)
    },
  }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}

function waitForEnd(child: ChildProcessWithoutNullStreams): Promise<ChildEnd> {
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => {
    stderr = (stderr + bytes.toString('latin1')).slice(0, MAX_STDERR)
  })
  return new Promise<ChildEnd>(resolve => {
    const end = () => resolve({ exitCode: child.exitCode, signal: child.signalCode, stderr })
    child.on('error', () => {}) // a kill that came too late
    child.once('close', end)
    // A helper that left the session may hold the pipes open for ever: what it says is of no interest.
    child.once('exit', () => {
      const timer = setTimeout(end, DRAIN_MS)
      child.once('close', () => clearTimeout(timer))
    })
  }).finally(() => {
    for (const stream of child.stdio) stream?.destroy()
  })
}

/** Cuts bytes into lines; more than a line or an attempt may hold is a flood, and nothing after it is read. */
function createLineReader(onLine: (text: string) => void, onFlood: () => void): (bytes: Buffer) => void {
  let rest: Buffer[] = []
  let restBytes = 0
  let totalBytes = 0
  return bytes => {
    if (totalBytes > MAX_CHILD_BYTES) return
    totalBytes += bytes.length
    let start = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      onLine(Buffer.concat([...rest, bytes.subarray(start, end)]).toString('utf8'))
      rest = []
      restBytes = 0
      start = end + 1
    }
    rest.push(bytes.subarray(start))
    restBytes += bytes.length - start
    if (restBytes <= MAX_CHILD_LINE_BYTES && totalBytes <= MAX_CHILD_BYTES) return
    rest = []
    totalBytes = Number.POSITIVE_INFINITY
    onFlood()
  }
}

const MAX_STDERR = 4096
const MAX_CHILD_BYTES = 4 * MAX_CHILD_LINE_BYTES
const DRAIN_MS = 200
