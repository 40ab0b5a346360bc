/** The gates' processes where no service manager starts them: spawned, and again when one ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Log } from '../../link/log.ts'

export interface GateProcessOptions {
  /** The program and its arguments for the gate of that number, from 0. */
  readonly command: (worker: number) => readonly [string, ...string[]]
  readonly count: number
  readonly log: Log
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

  start(): void {
    for (let gate = 0; gate < this.#options.count; gate += 1) this.#start(gate, firstPauseMs)
  }

  /** Ends the gates; resolves when all are gone, killed if they take longer than two seconds. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(
      [...this.#running].map(
        child =>
          new Promise<void>(resolve => {
            const kill = setTimeout(() => child.kill('SIGKILL'), 2000)
            child.once('exit', () => {
              clearTimeout(kill)
              resolve()
            })
            child.kill('SIGTERM')
          }),
      ),
    )
  }

  #start(worker: number, pauseMs: number): void {
    const [program, ...args] = this.#options.command(worker)
    // No environment: it may hold secrets, and the gate needs none.
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: {}, cwd: '/' })
    this.#running.add(child)
    const startedMs = performance.now()
    child.once('error', fault => this.#options.log('error', 'a gate cannot be started', { fault: fault.message }))
    child.once('close', (code, signal) => {
      this.#running.delete(child)
      if (this.#isStopping) return
      this.#options.log('error', 'a gate ended and is started again', { pid: child.pid, code, signal })
      const wasShort = performance.now() - startedMs < longestPauseMs
      const next = wasShort ? Math.min(pauseMs * 2, longestPauseMs) : firstPauseMs
      setTimeout(() => this.#isStopping || this.#start(worker, next), pauseMs).unref()
    })
  }
}
