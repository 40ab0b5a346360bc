/** A browser that fills the screen: in a process group of its own, on a fresh profile in memory that is removed with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { CommandFault } from '../fault.ts'
import { chromium } from './chromium.ts'
import { watchPages } from './devtools-pipe.ts'
import { firefox } from './firefox.ts'
import type { BrowserKind } from './kind.ts'
import { makePrivateDirectory, removePrivateDirectory } from './private-directory.ts'

/** What is the same at every start. */
export interface Launcher {
  readonly kind: BrowserKind
  readonly program: string
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Where private directories are made. */
  readonly memory: string
}

/** The last words of a browser are kept, in characters. */
const tailLength = 2000
/** How long the processes of an ended browser may take to be gone, in milliseconds. */
const burialMs = 300

/** What is particular to the browser of that name. */
export function findKind(name: 'firefox' | 'chromium'): BrowserKind {
  return name === 'firefox' ? firefox : chromium
}

/** The program of that browser. Throws a `CommandFault` when it is not on the path. */
export function findProgram({ programs, hint }: BrowserKind, env: NodeJS.ProcessEnv): string {
  const folders = (env.PATH || '/usr/bin:/bin').split(delimiter).filter(folder => folder.startsWith('/'))
  const found = programs.flatMap(name => folders.map(folder => join(folder, name))).find(isProgram)
  if (found !== undefined) return found
  throw new CommandFault('usage', `there is no ${programs[0]} here`, hint)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

export class Browser {
  /** Aborted when it ends, by itself or not. */
  readonly over: AbortSignal
  readonly #directory: string
  readonly #linkFile: string | null
  readonly #secret: string | null
  readonly #child: ChildProcess
  #how = ''
  #tail = ''

  /** Starts it at `url`. `secret` is what its own messages must not tell. */
  constructor({ kind, program, words, env, memory }: Launcher, url: string, secret: string | null) {
    this.#directory = makePrivateDirectory(memory)
    this.#secret = secret
    const profile = join(this.#directory, 'profile')
    this.#linkFile = kind.linkFile === null ? null : join(profile, kind.linkFile)
    try {
      writeProfile(profile, kind.files(url))
      this.#child = spawn(program, [...kind.words(profile), ...words], {
        // A group of its own, which is ended as a whole.
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', ...(kind.hasPipe ? (['pipe', 'pipe'] as const) : [])],
        env: { ...cleanEnvironment(env, this.#directory), ...kind.env },
      })
    } catch (fault) {
      removePrivateDirectory(this.#directory)
      throw fault
    }
    this.#child.stderr?.on('data', chunk => {
      this.#tail = (this.#tail + chunk).slice(-tailLength)
    })
    const over = new AbortController()
    this.over = over.signal
    const finish = (how: string) => {
      this.#how ||= how
      over.abort()
    }
    if (kind.hasPipe) watchPages(this.#child, () => finish('its page crashed'))
    this.#child.once('error', fault => finish(fault.message))
    this.#child.once('exit', (status, signal) => finish(signal ?? `exit status ${status}`))
  }

  /** How it ended, for people. */
  get how(): string {
    return this.#how
  }

  /** The last lines that it said. */
  get lastWords(): string {
    const text = this.#secret === null ? this.#tail : this.#tail.replaceAll(this.#secret, '[secret]')
    return text.trim().split('\n').slice(-5).join('\n')
  }

  /** Removes the link from the profile, once the browser has read it. */
  forgetLink(): void {
    if (this.#linkFile !== null) rmSync(this.#linkFile, { force: true })
  }

  /** Ends it with all its processes, and removes what it wrote. Its profile is worth nothing, so it is not asked to save it. */
  async end(): Promise<void> {
    for (let leftMs = burialMs; endGroup(this.#child.pid) && leftMs > 0; leftMs -= 10) await wait(10)
    for (const stream of this.#child.stdio) stream?.destroy()
    removePrivateDirectory(this.#directory)
  }
}

function writeProfile(profile: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(profile, name)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
  }
}

/** What a browser is told of where it runs. Everything that it would keep in a home is kept in `directory`. */
export function cleanEnvironment(env: NodeJS.ProcessEnv, directory: string): NodeJS.ProcessEnv {
  const isOurs = (name: string) => /^(POSTERN_|XDG_(CONFIG|CACHE|DATA|STATE)_HOME$|NOTIFY_SOCKET$|LISTEN_)/.test(name)
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !isOurs(name)))
  // The display's own secret lies in the real home.
  const authority = env.XAUTHORITY ?? (env.HOME === undefined ? undefined : join(env.HOME, '.Xauthority'))
  const display = env.DISPLAY !== undefined && authority !== undefined ? { XAUTHORITY: authority } : {}
  return { ...kept, ...display, HOME: directory, TMPDIR: join(directory, 'tmp') }
}

/** Kills the group; whether anybody was left in it. */
function endGroup(pid: number | undefined): boolean {
  if (pid === undefined) return false
  try {
    process.kill(-pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}
