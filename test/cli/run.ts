/** Runs the built postern command for a test, as whom the test says. */
import { spawn } from 'node:child_process'
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
  remove(): void
}

/** Somebody with a home of their own, at the instance of that runtime directory. */
export function createPerson(uid: number, runtime: string): Person {
  const stateHome = mkdtempSync(join(tmpdir(), 'postern-person-'))
  chownSync(stateHome, uid, uid)
  const env = { PATH: process.env.PATH ?? '', HOME: stateHome, XDG_STATE_HOME: stateHome, POSTERN_RUNTIME: runtime }
  return {
    stateHome,
    run: (args, input = '', more = {}) => runCommand(args, input, { ...env, ...more }, uid),
    remove: () => rmSync(stateHome, { recursive: true, force: true }),
  }
}

function runCommand(args: readonly string[], input: string, env: NodeJS.ProcessEnv, uid: number): Promise<Ran> {
  // setpriv and not spawn's uid: that one would keep root's groups.
  const drop = uid === 0 ? [] : ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups']
  const [command = '', ...words] = [...drop, process.execPath, program, ...args]
  const child = spawn(command, words, { env, stdio: 'pipe' })
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
