/** The gates' processes where no service manager starts them: spawned, and again when one ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Log } from '../../link/log.ts'
import type { GateOrder } from '../../link/message.ts'

/**
 * Starts a gate's process, which loads and then waits for its order. It may be started before anything is known, so that
 * it loads while the keeper does. As root it starts without the right to gain privileges; the rest it gives up itself once
 * it has its order, because its files may be readable by root alone.
 */
export function spawnGate(programs: string): ChildProcess {
  const gate = [process.execPath, join(programs, 'postern-gate.cjs'), '--order']
  const locks = ['setpriv', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all,+setuid,+setgid']
  const [program = '', ...args] = process.getuid?.() === 0 ? [...locks, ...gate] : gate
  // Nothing of our environment: it may hold secrets. Its threads share one heap, as the keeper's do.
  const env = { MALLOC_ARENA_MAX: '1' }
  return spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'], env, cwd: '/' })
}

export interface GateProcessOptions {
  readonly spawn: () => ChildProcess
  /** What the gate of that number, from 0, is told. */
  readonly order: (worker: number) => GateOrder
  readonly count: number
  readonly log: Log
  /** Told each time that a gate ends by itself. */
  readonly ended: () => void
}

const firstPauseMs = 100
const longestPauseMs = 5000

/** Keeps `count` gates running until it is stopped. */
export class GateProcesses {
  readonly #options: GateProcessOptions
  readonly #running = new Set<ChildProcess>()
  #isStopping = false

  constructor(options: GateProcessOptions) {
    this.#options = options
  }

  /** Starts them; `first` is one that was spawned ahead. */
  start(first: ChildProcess | null): void {
    for (let worker = 0; worker < this.#options.count; worker += 1)
      this.#start(worker, firstPauseMs, worker === 0 ? first : null)
  }

  /** Ends the gates; resolves when all are gone, killed if they take longer than two seconds. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all([...this.#running].map(endProcess))
  }

  #start(worker: number, pauseMs: number, ahead: ChildProcess | null): void {
    const { spawn: spawnOne, order, log, ended } = this.#options
    const startedMs = performance.now()
    let child: ChildProcess
    try {
      child = ahead?.exitCode === null ? ahead : spawnOne()
    } catch (fault) {
      // Most faults come as an event, want of memory does not.
      log('error', 'a gate cannot be started', { fault: String(fault) })
      this.#startAgain(worker, pauseMs, startedMs)
      return
    }
    this.#running.add(child)
    child.once('error', fault => log('error', 'a gate cannot be started', { fault: fault.message }))
    // A gate that is gone already is told of by its end.
    child.stdin?.on('error', () => {})
    child.stdin?.end(JSON.stringify(order(worker)))
    child.once('close', (code, signal) => {
      this.#running.delete(child)
      // Ctrl-C reaches the gate too, and its end may be heard of just before our own SIGINT.
      setImmediate(() => {
        if (this.#isStopping) return
        log('error', 'a gate ended and is started again', { pid: child.pid, code, signal })
        ended()
        this.#startAgain(worker, pauseMs, startedMs)
      })
    })
  }

  /** After a pause that doubles while gates end soon. */
  #startAgain(worker: number, pauseMs: number, startedMs: number): void {
    const wasShort = performance.now() - startedMs < longestPauseMs
    const next = wasShort ? Math.min(pauseMs * 2, longestPauseMs) : firstPauseMs
    setTimeout(() => this.#isStopping || this.#start(worker, next, null), pauseMs).unref()
  }
}

/** Ends a process with SIGTERM, and with SIGKILL two seconds later; resolves when it is gone. */
export function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise(resolve => {
    const kill = setTimeout(() => child.kill('SIGKILL'), 2000)
    child.once('exit', () => {
      clearTimeout(kill)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
