/** What the login tests ask of a running daemon besides HTTP. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import type { Daemon } from '../support/daemon.ts'
import type { Ask, Reply } from '../support/http.ts'

/** A prompt as the API has it. */
export interface Prompt {
  readonly kind: string
  readonly text: string
}

/** The next step of a login that continues. Fails for any other answer. */
export function stepOf(reply: Reply): { conversation: string; prompts: Prompt[] } {
  assert.is(reply.status, 401, reply.text)
  const { code, conversation, prompts } = reply.json()
  assert.is(code, 'login_continues', reply.text)
  return { conversation: String(conversation), prompts: prompts as Prompt[] }
}

/** Answers a step. */
export function answer(
  daemon: Daemon,
  { conversation }: { conversation: string },
  answers: readonly string[],
  from: Ask = {},
): Promise<Reply> {
  return daemon.ask('/postern/v1/login/answer', { ...from, body: { conversation, answers } })
}

/** The next question of a login, with the texts before it, which come in a step of their own when the question is late. */
export async function questionOf(daemon: Daemon, reply: Reply): Promise<{ conversation: string; prompts: Prompt[] }> {
  const step = stepOf(reply)
  if (step.prompts.some(({ kind }) => kind === 'secret' || kind === 'text')) return step
  const next = await questionOf(daemon, await answer(daemon, step, []))
  return { ...next, prompts: [...step.prompts, ...next.prompts] }
}

/** Fails unless it is the one answer for every refused login. */
export function assertRefused(reply: Reply): void {
  assert.is(reply.status, 401, reply.text)
  assert.equal(reply.json(), {
    type: 'urn:postern:problem:login_failed',
    title: 'the login failed',
    status: 401,
    code: 'login_failed',
  })
}

/** The PAM children that the daemon has now; one of them may be the spare. */
export function pamChildren({ process: { pid } }: Daemon): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return children.filter(child => commandOf(child).includes('pam-child.cjs'))
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** The daemon's status, as root asks for it. */
export async function statusOf(daemon: Daemon): Promise<Record<string, unknown>> {
  return (await daemon.ask('/postern/v1/status', { token: daemon.token() })).json()
}

/** Waits for something that another process does; fails after 10 s. */
export async function waitFor(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (let left = 500; !(await done()); left--) {
    if (left === 0) throw new Error(`waited for 10 s in vain: ${what}`)
    await wait(20)
  }
}

/** Waits until no login is at work. */
export function waitForQuiet(daemon: Daemon): Promise<void> {
  return waitFor('no login at work', async () => (await statusOf(daemon)).logins_in_progress === 0)
}

/** The audit trail's records of an event. */
export function auditOf({ directory }: Daemon, event: string): Record<string, unknown>[] {
  const lines = readFileSync(join(directory, 'log/audit.log'), 'utf8').split('\n').filter(Boolean)
  return lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(record => record.event === event)
}
