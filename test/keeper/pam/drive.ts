/** Drives whole login attempts in real PAM children for the tests of this folder. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { buildSync } from 'esbuild'
import type { Attempt, AttemptEvent, AttemptResult } from '../../../server/keeper/pam/attempt.ts'
import type { AttemptRequest, Backend, Prompt } from '../../../server/keeper/pam/protocol.ts'
import { type AnswerText, parseAnswer, parseUserName, type UserName } from '../../../server/keeper/pam/text.ts'

/** The child as one CommonJS file, built anew for each test process, as it is shipped. */
export const CHILD: readonly [string, string] = [process.execPath, buildChild()]

function buildChild(): string {
  const root = join(import.meta.dirname, '../../..')
  const directory = mkdtempSync(join(tmpdir(), 'postern-pam-child-'))
  chmodSync(directory, 0o755) // a test runs the child as nobody
  process.once('exit', () => rmSync(directory, { recursive: true }))
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  const outfile = join(directory, 'pam-child.cjs')
  const entryPoints = [join(root, 'server/keeper/pam/child.ts')]
  buildSync({ entryPoints, outfile, bundle: true, platform: 'node', format: 'cjs', external: ['koffi'] })
  return outfile
}

/** Limits that no attempt of a test reaches by being slow. */
export const LIMITS = { stepMs: 20_000, totalMs: 30_000, finishMs: 20_000 }

/** A name that parses. */
export function userName(given: string): UserName {
  const parsed = parseUserName(given)
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.value
}

/** An answer that parses. */
export function answerText(given: string): AnswerText {
  const parsed = parseAnswer(given)
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.value
}

/** A first line for the service and user. */
export function request(service: string, user: string, backend: Backend = 'conversation'): AttemptRequest {
  return { service, user: userName(user), rhost: '127.0.0.1', tty: 'postern', backend }
}

/** What an attempt said, its result apart. */
export interface Story {
  result: AttemptResult
  events: AttemptEvent[]
  /** The texts of each question, in order. */
  questions: Prompt[][]
}

/** Answers each question from the list, in order; proceeds with every account; a question too many is killed. */
export async function play(attempt: Attempt, answers: readonly (string | readonly string[])[]): Promise<Story> {
  const left = [...answers]
  const story: Omit<Story, 'result'> = { events: [], questions: [] }
  for (;;) {
    const event = await attempt.next()
    story.events.push(event)
    if (event.kind === 'result') {
      await attempt.ended
      return { ...story, result: event }
    }
    if (event.kind === 'account') attempt.proceed()
    if (event.kind !== 'ask') continue
    story.questions.push(event.prompts)
    const next = left.shift()
    if (next === undefined) attempt.kill()
    else attempt.answer((typeof next === 'string' ? [next] : next).map(answerText))
  }
}

/** The reason of a refusal, or `ok`. */
export function outcome({ result }: Story): string {
  return result.ok ? 'ok' : result.reason
}

/** The processes that this one has started and that are not gone, zombies included. */
export function findChildren(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
}

/** Waits until the kernel has done something; fails after 5 s. */
export async function waitFor(done: () => boolean): Promise<void> {
  for (let left = 500; !done(); left--) {
    if (left === 0) throw new Error('waited for 5 s in vain')
    await wait(10)
  }
}
