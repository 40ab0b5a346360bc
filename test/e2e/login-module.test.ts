/** Logins over HTTP against a PAM module that misbehaves, and what becomes of its children. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { buildPamModule } from '../support/pam-module/build.ts'
import {
  answer,
  assertRefused,
  auditOf,
  pamChildren,
  questionOf,
  statusOf,
  stepOf,
  waitFor,
  waitForQuiet,
} from './login-drive.ts'

const test = suite('e2e login: a module that misbehaves')
const directory = mkdtempSync(join(tmpdir(), 'postern-module-'))
const changed = join(directory, 'changed')
const module = buildPamModule()
const modes = ['hang', 'crash', 'three', 'big', 'wait', 'chatter', 'flood', 'garbage', 'forge', 'exit'] as const
const nameOf = (mode: string) => `pt-${mode}-${process.pid}`
let daemon: Daemon
let account: Account
let late: Account
const people: Account[] = []

/** Each mode for the user of its name, a change of the password for `late`, pam_unix for everybody else. */
function rules(): string[] {
  const only = (phase: string, name: string, skip: number) =>
    `${phase} [success=ignore default=${skip}] pam_succeed_if.so quiet user = ${name}`
  return [
    ...modes.flatMap(mode => [only('auth', nameOf(mode), 1), `auth [success=done default=die] ${module.path} ${mode}`]),
    'auth required pam_unix.so',
    only('account', late.name, 1),
    `account [new_authtok_reqd=done default=die] ${module.path} change`,
    'account required pam_permit.so',
    `password required ${module.path} slow ${changed} 400`,
  ]
}

test.before(async () => {
  account = await createAccount({ groups: ['users'] })
  late = await createAccount({ groups: ['users'] })
  for (const mode of ['three', 'big', 'wait'])
    people.push(await createAccount({ name: nameOf(mode), groups: ['users'], password: null }))
  daemon = await startDaemon({
    pam: rules(),
    config: {
      pam: { children_per_source: 6, step_seconds: 1, total_seconds: 4 },
      login: { allow: { groups: ['users'] }, failure_delay_seconds: 0.5 },
      insecure: { throttle_off: true },
    },
  })
})
test.after(async () => {
  await daemon.remove()
  for (const one of [account, late, ...people]) await one.remove()
  module.remove()
  rmSync(directory, { recursive: true })
})

/** The module sleeps while it changes the password; a child that waits for an answer reads. */
function isChanging(): boolean {
  return pamChildren(daemon).some(child => readFileSync(`/proc/${child}/wchan`, 'utf8').includes('nanosleep'))
}

const begin = (mode: string) => daemon.ask('/postern/v1/login', { body: { user: nameOf(mode), password: 'x' } })

test('a module that hangs is one failed login at its limit, while others log in', async () => {
  const start = performance.now()
  const told: string[] = []
  const hanging = begin('hang').finally(() => told.push('hanging'))
  assert.is((await daemon.login(account.name, account.password)).status, 200)
  told.push('other')
  assertRefused(await hanging)
  assert.equal(told, ['other', 'hanging'])
  assert.ok(performance.now() - start >= 1000)
  assert.is(auditOf(daemon, 'login.begin').at(-1)?.reason, 'timeout')
  assert.ok(pamChildren(daemon).length <= 1)
})

for (const { mode, reason } of [
  { mode: 'crash', reason: 'crashed' },
  { mode: 'exit', reason: 'crashed' },
  { mode: 'garbage', reason: 'garbage' },
  { mode: 'forge', reason: 'garbage' },
  { mode: 'flood', reason: 'garbage' },
]) {
  test(`a module that does "${mode}" is one failed login, and the keeper goes on`, async () => {
    assertRefused(await begin(mode))
    assert.is(auditOf(daemon, 'login.begin').at(-1)?.reason, reason)
    assert.is((await daemon.login(account.name, account.password)).status, 200)
  })
}

test('three messages of one call are one step, answered in order', async () => {
  const step = stepOf(await begin('three'))
  assert.equal(step.prompts, [
    { kind: 'secret', text: 'First: ' },
    { kind: 'info', text: 'between' },
    { kind: 'text', text: 'Second: ' },
  ])
  const reply = await answer(daemon, step, ['one', 'zwölf'])
  assert.is(reply.status, 200, reply.text)
  assertRefused(await answer(daemon, stepOf(await begin('three')), ['zwölf', 'one']))
})

test('a text of 1 MB is shown to its first 4096 bytes', async () => {
  const step = await questionOf(daemon, await daemon.ask('/postern/v1/login', { body: { user: nameOf('big') } }))
  assert.equal(step.prompts, [
    { kind: 'info', text: 'x'.repeat(4096) },
    { kind: 'secret', text: 'Go on: ' },
  ])
  assert.is((await answer(daemon, step, ['yes'])).status, 200)
})

test('a text is shown before the question that follows it', async () => {
  const step = await questionOf(daemon, await daemon.ask('/postern/v1/login', { body: { user: nameOf('wait') } }))
  assert.equal(step.prompts, [
    { kind: 'info', text: 'the number is 42' },
    { kind: 'secret', text: 'Ready: ' },
  ])
  assert.is((await answer(daemon, step, ['yes'])).status, 200)
})

test('texts without a question are a step that is answered with nothing; without end they end at the limit', async () => {
  let step = stepOf(await begin('chatter'))
  assert.is(step.prompts.length, 32)
  assert.ok(step.prompts.every(({ kind }) => kind === 'info'))
  step = stepOf(await answer(daemon, step, []))
  assertRefused(await answer(daemon, step, ['an answer to nothing']))
  await waitForQuiet(daemon)
})

test('while refusals wait for their instant, no child is held', async () => {
  const start = performance.now()
  let left = 6
  const logins = ['crash', 'exit', 'garbage', 'forge'].map(mode => begin(mode).finally(() => left--))
  const wrong = [1, 2].map(() => daemon.login(account.name, 'wrong').finally(() => left--))
  await waitFor('the children are gone', () => performance.now() - start > 200 && pamChildren(daemon).length <= 1)
  const waiting = left
  for (const reply of await Promise.all([...logins, ...wrong])) assertRefused(reply)
  assert.ok(waiting >= 1, `${waiting} of 6 were still waiting when the children were gone`)
})

test('a login whose request is cut ends its child', async () => {
  await waitForQuiet(daemon)
  const cut = new AbortController()
  const reply = daemon
    .ask('/postern/v1/login', { body: { user: nameOf('hang'), password: 'x' }, signal: cut.signal })
    .catch(fault => fault.name)
  await waitFor('the login is at work', async () => (await statusOf(daemon)).logins_in_progress === 1)
  const before = auditOf(daemon, 'login.begin').length
  cut.abort()
  assert.is(await reply, 'AbortError')
  await waitForQuiet(daemon)
  await waitFor('the trail', () => auditOf(daemon, 'login.begin').length > before)
  assert.is(auditOf(daemon, 'login.begin').at(-1)?.reason, 'killed')
  assert.ok(pamChildren(daemon).length <= 1)
})

test('a password change on its way is finished when the request is cut', async () => {
  const step = await questionOf(daemon, await daemon.login(late.name, late.password))
  assert.is(step.prompts.at(-1)?.text, 'New password: ')
  const cut = new AbortController()
  const reply = answer(daemon, step, ['new'], { signal: cut.signal }).catch(fault => fault.name)
  await waitFor('the change is on its way', isChanging)
  cut.abort()
  assert.is(await reply, 'AbortError')
  assert.not(existsSync(changed), 'the change was over before the cut')
  await waitForQuiet(daemon)
  assert.ok(existsSync(changed))
  rmSync(changed)
})

test('a password change on its way is finished when the daemon is told to stop', async () => {
  const step = await questionOf(daemon, await daemon.login(late.name, late.password))
  const reply = answer(daemon, step, ['new']).catch(() => null)
  await waitFor('the change is on its way', isChanging)
  await daemon.stop()
  await reply
  assert.ok(existsSync(changed))
  await daemon.start()
})

test('a login that nobody goes on with ends at its time limit and frees its place', async () => {
  const steps = await Promise.all([1, 2, 3].map(() => begin('three').then(stepOf)))
  assert.is((await statusOf(daemon)).logins_in_progress, 3)
  const [first] = steps
  await waitForQuiet(daemon)
  assert.ok(pamChildren(daemon).length <= 1)
  assert.ok(first)
  const reply = await answer(daemon, first, ['one', 'zwölf'])
  assert.is(reply.status, 401)
  assert.is(reply.json().code, 'login_failed')
})

test.run()
