/** A throw-away machine with a real systemd: this machine's own root under an overlay, booted as a container. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { removeCgroup, sweepMachines } from './machine/leftovers.ts'

/** The tree under test, visible inside at the same path, read-only. */
export const tree = join(import.meta.dirname, '../..')

const inside = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LANG: 'C.UTF-8' }

/** What a command inside left behind; `status` is 128 + the signal's number when a signal ended it. */
export interface Outcome {
  status: number
  stdout: string
  stderr: string
}

/** How a command runs inside. */
export interface RunOptions {
  /** given on standard input; nothing by default */
  input?: string
  /** an account inside; root by default */
  user?: string
  /** 60 s by default; then it is killed and `run` throws */
  timeoutMs?: number
}

/** A booted machine. Whatever is done inside is gone with it. */
export interface Machine {
  readonly name: string
  /** Runs a command (text: by `sh -c`) as root inside and waits for it. A failure is an answer, not a throw. */
  run(command: string | readonly string[], options?: RunOptions): Outcome
  /** As `run`, but throws unless it succeeds; gives what it printed, without the last newline. */
  must(command: string | readonly string[], options?: RunOptions): string
  /** Starts a command inside without waiting; the caller ends it. */
  spawn(command: readonly string[], options?: { user?: string }): ChildProcess
  /** Writes a file inside, its directories too. */
  write(path: string, text: string, mode?: string): void
  /** Reboots it (another boot id) and waits until it is up. */
  reboot(): Promise<void>
  /** Shuts it down cleanly and removes it. */
  poweroff(): Promise<void>
  /** Removes it at once, as a power cut would. Harmless when it is gone. */
  remove(): Promise<void>
}

let booted = 0

/**
 * Boots a machine and waits until systemd says that it is up. Needs root and systemd-nspawn.
 * It cannot outlive this process: the kernel kills it with us. Throws, with the console's text, when it does not boot in 30 s.
 * @param install runs scripts/install inside; nothing is started
 */
export async function bootMachine({ install = false }: { install?: boolean } = {}): Promise<Machine> {
  sweepMachines()
  const folder = mkdtempSync(join(tmpdir(), `postern-machine-${process.pid}-${++booted}-`))
  const machine = new Container(folder)
  try {
    await machine.up()
    if (install) {
      machine.must([join(tree, 'scripts/install')])
    }
    return machine
  } catch (error) {
    await machine.remove()
    throw error
  }
}

class Container implements Machine {
  readonly name: string
  readonly #folder: string
  readonly #host: ChildProcess
  readonly #ended: Promise<void>
  #leader = 0

  constructor(folder: string) {
    this.#folder = folder
    this.name = basename(folder).toLowerCase()
    const console = openSync(`${folder}.console`, 'w')
    const boot = join(import.meta.dirname, 'machine/boot')
    // Its own process namespace: whatever ends this process, the kernel ends all that runs inside.
    const alone = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child=KILL', '--mount-proc']
    const argv = ['--pdeathsig', 'KILL', 'unshare', ...alone, boot, this.name, folder, tree]
    this.#host = spawn('setpriv', argv, { detached: true, stdio: ['ignore', console, console] })
    this.#ended = new Promise(resolve => this.#host.once('close', () => resolve()))
  }

  /** Waits until systemd inside has finished booting, or throws. */
  async up(): Promise<void> {
    for (const end = Date.now() + 30_000; Date.now() < end; await pause(50)) {
      if (this.#host.exitCode !== null) break
      this.#leader = findLeader(this.#host.pid)
      if (this.#leader !== 0 && /^(running|degraded)$/.test(this.#state())) return
    }
    throw new Error(`the machine did not boot\n${readFileSync(`${this.#folder}.console`, 'utf8')}`)
  }

  #state(): string {
    return this.run(['systemctl', 'is-system-running', '--wait'], { timeoutMs: 30_000 }).stdout.trim()
  }

  #argv(command: string | readonly string[], user?: string): string[] {
    const become = user === undefined ? [] : ['runuser', '-u', user, '--']
    const words = typeof command === 'string' ? ['sh', '-c', command] : command
    return ['--target', String(this.#leader), '--all', ...become, ...words]
  }

  run(command: string | readonly string[], { input = '', user, timeoutMs = 60_000 }: RunOptions = {}): Outcome {
    const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 << 20 } as const
    const done = spawnSync('nsenter', this.#argv(command, user), { ...limits, env: inside, input, encoding: 'utf8' })
    if (done.error) throw done.error
    return { status: done.status ?? 255, stdout: done.stdout, stderr: done.stderr }
  }

  must(command: string | readonly string[], options: RunOptions = {}): string {
    const { status, stdout, stderr } = this.run(command, options)
    if (status !== 0) throw new Error(`${command}: exit status ${status}\n${stdout}${stderr}`)
    return stdout.replace(/\n$/, '')
  }

  spawn(command: readonly string[], { user }: { user?: string } = {}): ChildProcess {
    return spawn('nsenter', this.#argv(command, user), { env: inside })
  }

  write(path: string, text: string, mode = '0644'): void {
    const script = 'umask 077; mkdir -p -m 0755 "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"'
    this.must(['sh', '-euc', script, 'write', path, mode], { input: text })
  }

  async reboot(): Promise<void> {
    const before = this.#leader
    this.run(['systemctl', 'reboot'])
    while (findLeader(this.#host.pid) === before) await pause(50)
    await this.up()
  }

  async poweroff(): Promise<void> {
    this.run(['systemctl', 'poweroff'])
    await Promise.race([this.#ended, pause(20_000, undefined, { ref: false })])
    await this.remove()
  }

  async remove(): Promise<void> {
    this.#host.kill('SIGKILL')
    await this.#ended
    await removeCgroup(this.name)
    rmSync(`${this.#folder}.console`, { force: true })
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The container's init: unshare runs our boot script, that runs nspawn, that runs it; 0 when it is not there yet. */
function findLeader(host: number | undefined): number {
  const boot = childrenOf(host ?? 0)[0]
  const nspawn = childrenOf(boot ?? 0).find(pid => nameOf(pid) === 'systemd-nspawn')
  return childrenOf(nspawn ?? 0).find(pid => nameOf(pid) === 'systemd') ?? 0
}

function childrenOf(pid: number): number[] {
  return readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
}

function nameOf(pid: number): string {
  return readProc(`${pid}/comm`).trim()
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}
