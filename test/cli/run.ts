/** Runs the built postern command for a test, as whom the test says. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const program = join(import.meta.dirname, '../../dist/postern.cjs')

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Person {
  /** Where the stored logins are. */
  readonly stateHome: string
  /** `more` is added to the environment. */
  run(args: readonly string[], input?: string, more?: NodeJS.ProcessEnv): Promise<Ran>
  /** Runs a command that goes on until it is stopped. */
  watch(args: readonly string[]): Watched
  remove(): void
}

/** A command that goes on, and what it has said so far. */
export interface Watched {
  lines(): string[]
  errors(): string
  /** Waits for a line that fits, ten seconds at most. */
  line(fits: RegExp): Promise<string>
  /** Waits for what it says on stderr, ten seconds at most. */
  error(fits: RegExp): Promise<void>
  /** Its status, when it has ended. */
  ended(): Promise<number | null>
  stop(): Promise<void>
}

/**
 * Somebody with a home of their own, at the instance of that runtime directory. `within` is a command that runs what follows
 * it, such as `ip netns exec NAME`.
 */
export function createPerson(uid: number, runtime: string, within: readonly string[] = []): Person {
  const stateHome = mkdtempSync(join(tmpdir(), 'postern-person-'))
  chownSync(stateHome, uid, uid)
  const env = { PATH: process.env.PATH ?? '', HOME: stateHome, XDG_STATE_HOME: stateHome, POSTERN_RUNTIME: runtime }
  // setpriv and not spawn's uid: that one would keep root's groups.
  const drop = uid === 0 ? [] : ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups']
  const start = (args: readonly string[], own: NodeJS.ProcessEnv) => {
    const [command = '', ...words] = [...within, ...drop, process.execPath, program, ...args]
    return spawn(command, words, { env: own, stdio: 'pipe' })
  }
  return {
    stateHome,
    run: (args, input = '', more = {}) => collect(start(args, { ...env, ...more }), input),
    watch: args => watch(start(args, env)),
    remove: () => rmSync(stateHome, { recursive: true, force: true }),
  }
}

function collect(child: ChildProcessWithoutNullStreams, input: string): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => (stdout += chunk))
  child.stderr.on('data', chunk => (stderr += chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', status => resolve({ status, stdout, stderr }))
  })
}

function watch(child: ChildProcessWithoutNullStreams): Watched {
  let out = ''
  let errors = ''
  child.stdin.end()
  child.stdout.on('data', chunk => (out += chunk))
  child.stderr.on('data', chunk => (errors += chunk))
  const closed = once(child, 'close') as Promise<[number | null]>
  const lines = () => out.split('\n').filter(Boolean)
  const until = async (fits: RegExp, find: () => string | undefined) => {
    for (const endMs = performance.now() + 10_000; performance.now() < endMs; ) {
      const found = find()
      if (found !== undefined) return found
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error(`${fits} did not come:\n${out}\n${errors}`)
  }
  return {
    lines,
    errors: () => errors,
    line: fits => until(fits, () => lines().find(line => fits.test(line))),
    async error(fits) {
      await until(fits, () => (fits.test(errors) ? errors : undefined))
    },
    ended: async () => (await closed)[0],
    async stop() {
      child.kill('SIGINT')
      await closed
    },
  }
}
