/** The gates that are connected: what they may ask, what they must forget, and the end of those that do not obey. */
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Log } from '../../link/log.ts'
import type { Answer, Forget, GateSettings } from '../../link/message.ts'
import { type LinkRequest, LinkServer } from '../../link/server.ts'
import { findOperation } from '../../operations/table.ts'
import type { Clock } from '../clock.ts'
import { peerCredentials } from '../libc.ts'

/** How long a gate has to forget, in milliseconds. */
const forgetMs = 1000

/** Gates at once; a gate that is owned may open links as it likes. */
const maxLinks = 64

interface Gate {
  readonly link: LinkServer
  readonly pid: number
  /** Kernel start time of the process: a number that was given to another process since is not killed. */
  readonly startedTicks: string | null
  readonly connectedMs: number
  greeted: boolean
  listeners: readonly string[]
  /** How often it was told its settings and has not said yet what it serves by them; from its hello on once. */
  owes: number
}

export interface GatesOptions {
  /** The uid that gates run as; nobody else is talked to. */
  readonly uid: number
  readonly answer: (request: LinkRequest) => Promise<Answer>
  readonly settings: () => Promise<GateSettings>
  readonly version: string
  readonly clock: Clock
  readonly log: Log
}

/** Kernel start time of a process that runs as `uid`, or null. */
function startTicks(pid: number, uid: number): string | null {
  try {
    // Whoever connected may have ended since, and its number be another's: only the gate's user is ever killed.
    if (!new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return null
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

/** All links to gates. */
export class Gates {
  readonly #options: GatesOptions
  readonly #gates = new Set<Gate>()
  readonly #serving: (() => void)[] = []
  readonly #forgetListeners: ((what: Forget) => void)[] = []

  constructor(options: GatesOptions) {
    this.#options = options
  }

  /** Takes a connection to keeper.sock; one that is not the gate's uid is closed unheard. */
  accept(socket: Socket): void {
    const { uid, log, answer, clock } = this.#options
    const peer = peerCredentials(socket)
    if (peer.uid !== uid || this.#gates.size >= maxLinks) {
      log('warn', 'a connection to keeper.sock was refused', peer)
      socket.destroy()
      return
    }
    const link = new LinkServer(socket, {
      hello: (_link, version) => this.#greet(gate, version),
      listening: (_link, listeners) => {
        if (!gate.greeted) return link.end('listeners before its hello')
        gate.listeners = listeners
        gate.owes = Math.max(0, gate.owes - 1)
        this.#wake()
      },
      knows: operation => gate.greeted && findOperation(operation) !== null,
      answer: request => answer({ ...request, link }),
      closed: (_link, violation) => this.#drop(gate, violation),
    })
    const gate: Gate = {
      link,
      pid: peer.pid,
      startedTicks: startTicks(peer.pid, uid),
      connectedMs: clock.monotonicMs(),
      greeted: false,
      listeners: [],
      owes: 1,
    }
    this.#gates.add(gate)
    link.keepAlive()
  }

  /** Makes every gate forget; resolves when each has acknowledged. One that has not within a second is ended. */
  async forget(what: Forget): Promise<void> {
    for (const listener of this.#forgetListeners) listener(what)
    await Promise.all([...this.#gates].map(gate => this.#makeForget(gate, what)))
  }

  /** From now on tells `listener` what gates are about to be told to forget. */
  whenForgetting(listener: (what: Forget) => void): void {
    this.#forgetListeners.push(listener)
  }

  /** Sends every gate its part of the configuration again. */
  async tellSettings(): Promise<void> {
    const settings = await this.#options.settings()
    for (const gate of this.#gates) {
      if (!gate.greeted) continue
      gate.owes += 1
      gate.link.send({ type: 'settings', settings })
    }
  }

  /** Resolves when `count` gates serve. */
  async whenServing(count: number): Promise<void> {
    while ([...this.#gates].filter(gate => gate.listeners.length > 0).length < count)
      await new Promise<void>(resolve => this.#serving.push(resolve))
  }

  /** What is served, once there are gates and each has said so by its settings of now; at the latest after `withinMs`. */
  async settled(withinMs: number): Promise<Set<string>> {
    const { promise: late, resolve } = Promise.withResolvers<'late'>()
    const timer = setTimeout(resolve, withinMs, 'late')
    for (;;) {
      const greeted = [...this.#gates].filter(gate => gate.greeted)
      if (greeted.length > 0 && greeted.every(gate => gate.owes === 0)) break
      if ((await Promise.race([new Promise<void>(told => this.#serving.push(told)), late])) === 'late') break
    }
    clearTimeout(timer)
    return new Set([...this.#gates].flatMap(gate => gate.listeners))
  }

  list(): { pid: number; connectedSeconds: number; listeners: readonly string[] }[] {
    const nowMs = this.#options.clock.monotonicMs()
    return [...this.#gates].map(({ pid, connectedMs, listeners }) => ({
      pid,
      listeners,
      connectedSeconds: Math.floor((nowMs - connectedMs) / 1000),
    }))
  }

  /** Ends all links. */
  close(): void {
    for (const { link } of this.#gates) {
      link.send({ type: 'bye' })
      link.end(null)
    }
  }

  #wake(): void {
    for (const told of this.#serving.splice(0)) told()
  }

  async #greet(gate: Gate, version: string): Promise<void> {
    const { settings, version: own, log } = this.#options
    if (gate.greeted || version !== own) return gate.link.end(`hello of version ${version}, ${own} expected, once`)
    gate.greeted = true
    try {
      gate.link.send({ type: 'settings', settings: await settings() })
    } catch (fault) {
      log('error', 'a gate could not be told its settings', { fault: String(fault) })
      gate.link.end(null)
    }
  }

  async #makeForget(gate: Gate, what: Forget): Promise<void> {
    const forgotten = gate.link.forget(what)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>(resolve => {
      timer = setTimeout(() => resolve('late'), forgetMs)
    })
    if ((await Promise.race([forgotten, late])) !== 'late') return clearTimeout(timer)
    this.#kill(gate)
    gate.link.end('it did not forget within a second')
    await forgotten
  }

  #drop(gate: Gate, violation: string | null): void {
    this.#gates.delete(gate)
    this.#wake()
    if (violation === null) return
    this.#options.log('error', 'a gate broke a rule of the link and is ended', { pid: gate.pid, violation })
    this.#kill(gate)
  }

  #kill({ pid, startedTicks }: Gate): void {
    // A link from within the keeper's own process is a test's or a mistake; never end ourselves.
    if (pid === process.pid || startedTicks === null || startTicks(pid, this.#options.uid) !== startedTicks) return
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
}
