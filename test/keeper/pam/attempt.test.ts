import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AttemptLimits, driveAttempt } from '../../../server/keeper/pam/attempt.ts'
import { startChild } from '../../../server/keeper/pam/child-process.ts'
import { type Account, createAccount, createPamService, type PamService, UNIX_RULES } from '../../support/account.ts'
import { buildPamModule } from '../../support/pam-module/build.ts'
import { answerText, CHILD, findChildren, LIMITS, outcome, play, request, waitFor } from './drive.ts'

const test = suite('keeper/pam/attempt')
const directory = mkdtempSync(join(tmpdir(), 'postern-attempt-'))
const module = buildPamModule()
const services: PamService[] = []
let account: Account
let files = 0

test.before(async () => {
  account = await createAccount()
})
test.after(async () => {
  await account.remove()
  for (const service of services) await service.remove()
  module.remove()
  rmSync(directory, { recursive: true })
})

function createService(rules: readonly string[]): string {
  const service = createPamService(rules)
  services.push(service)
  return service.name
}

function start(service: string, limits: Partial<AttemptLimits> = {}) {
  return driveAttempt(startChild(CHILD), request(service, account.name), { ...LIMITS, ...limits })
}

const startMode = (mode: string, limits: Partial<AttemptLimits> = {}) =>
  start(createService([`auth required ${module.path} ${mode}`, 'account required pam_permit.so']), limits)

/** An attempt whose password change works for some time and then leaves a file. */
function startChange(mode: string, workMs: number, limits: Partial<AttemptLimits> = {}) {
  const file = join(directory, `changed-${++files}`)
  const rules = [
    `auth required ${module.path} yes`,
    `account required ${module.path} change`,
    `password required ${module.path} ${mode} ${file} ${workMs}`,
  ]
  return { attempt: start(createService(rules), limits), file }
}

/** A child that is no PAM child but says these lines at once. */
function startScript(script: string) {
  return driveAttempt(startChild([process.execPath, '-e', script]), request('postern', 'root'), LIMITS)
}

test('a module that hangs is ended at its limit while another login succeeds', async () => {
  const hanging = startMode('hang', { stepMs: 1500 })
  const other = play(start(createService(UNIX_RULES)), [account.password])
  assert.is(outcome(await other), 'ok')
  assert.is(outcome(await play(hanging, [])), 'timeout')
  assert.is((await hanging.ended).signal, 'SIGKILL')
})

const crashes = [
  { mode: 'crash', message: 'SIGSEGV' },
  { mode: 'exit', message: 'exit code 0' },
]
for (const { mode, message } of crashes) {
  test(`a child that ends without a result is one failed login: ${mode}`, async () => {
    const { result } = await play(startMode(mode), [])
    const rest = { phase: 'authenticate', code: 0, reason: 'crashed', message }
    assert.equal(result, { kind: 'result', ok: false, ...rest })
  })
}

for (const mode of ['garbage', 'forge', 'flood', 'chatter']) {
  test(`a module that writes to the keeper itself ends the attempt: ${mode}`, async () => {
    assert.is(outcome(await play(startMode(mode), [])), 'garbage')
  })
}

const yes = `{"result":{"ok":true,"user":"root"}}`
const account0 = `{"account":{"user":"root","must_change":false}}`
const forgeries = [
  { name: 'a yes before any account', script: `console.log('${yes}')` },
  { name: 'a yes while the account waits', script: `console.log('${account0}\\n${yes}')` },
  { name: 'two accounts', script: `console.log('${account0}\\n${account0}')` },
  {
    name: 'a second account after the word to proceed',
    script: `console.log('${account0}')
      process.stdin.on('data', line => String(line).includes('proceed') && console.log('${account0}\\n${yes}'))`,
  },
  { name: 'a question upon a question', script: `console.log('{"ask":[{"kind":"text","text":""}]}\\n'.repeat(2))` },
]
for (const { name, script } of forgeries) {
  test(`lines out of turn let nobody in: ${name}`, async () => {
    const attempt = startScript(`${script}; setTimeout(() => {}, 9999)`)
    const kinds: string[] = []
    for (;;) {
      const event = await attempt.next()
      kinds.push(event.kind)
      if (event.kind === 'account') attempt.proceed()
      if (event.kind !== 'result') continue
      assert.ok(!event.ok && event.reason === 'garbage', kinds.join())
      break
    }
    assert.ok(kinds.filter(kind => kind === 'account').length <= 1)
    await attempt.ended
  })
}

for (const { fault, command } of [
  { fault: 'ENOENT', command: ['/no/such/program'] },
  // As ENOMEM it is thrown by spawn itself.
  { fault: 'E2BIG', command: [process.execPath, 'x'.repeat(4 << 20)] },
] satisfies { fault: string; command: [string, ...string[]] }[])
  test(`a program that cannot be started is one failed login: ${fault}`, async () => {
    const attempt = driveAttempt(startChild(command), request('postern', 'root'), LIMITS)
    assert.is(outcome(await play(attempt, [])), 'crashed')
    assert.match((await attempt.ended).stderr, fault)
  })

test('what a child says on stderr is kept to 4 KiB', async () => {
  const attempt = startScript(`process.stderr.write('x'.repeat(100000), () => process.exit(3))`)
  const { exitCode, stderr } = await attempt.ended
  assert.equal([exitCode, stderr.length], [3, 4096])
})

test('a question that nobody answers is ended at the limit of a step', async () => {
  const attempt = start(createService(UNIX_RULES), { stepMs: 1000 })
  assert.is((await attempt.next()).kind, 'ask')
  const result = await attempt.next()
  assert.ok(result.kind === 'result' && !result.ok && result.reason === 'timeout')
  await attempt.ended
})

test('an attempt that goes on and on is ended at the limit of the whole', async () => {
  const script = `setInterval(() => console.log('{"show":[{"kind":"info","text":"."}]}'), 50)`
  const limits = { ...LIMITS, totalMs: 600 }
  const attempt = driveAttempt(startChild([process.execPath, '-e', script]), request('postern', 'root'), limits)
  assert.is(outcome(await play(attempt, [])), 'timeout')
})

test('a kill ends the child at once, and next gives its result again and again', async () => {
  const attempt = start(createService(UNIX_RULES))
  await attempt.next()
  attempt.kill()
  const first = await attempt.next()
  assert.ok(first.kind === 'result' && !first.ok && first.reason === 'killed')
  assert.is((await attempt.ended).signal, 'SIGKILL')
  assert.equal(await attempt.next(), first)
  attempt.answer([answerText('too late')])
  attempt.proceed()
  attempt.kill()
})

test('a kill while the new password is being written waits for the end', async () => {
  const { attempt, file } = startChange('slow', 400)
  await attempt.next()
  attempt.proceed()
  assert.is((await attempt.next()).kind, 'ask')
  attempt.answer([answerText('new')])
  attempt.kill()
  const result = await attempt.next()
  assert.ok(result.kind === 'result' && result.ok)
  assert.ok(existsSync(file))
  await attempt.ended
})

test('a kill while a further question of the change comes up is done then', async () => {
  const { attempt, file } = startChange('slow-again', 200)
  await attempt.next()
  attempt.proceed()
  await attempt.next()
  attempt.answer([answerText('new')])
  attempt.kill()
  const result = await attempt.next()
  assert.ok(result.kind === 'result' && !result.ok && result.reason === 'killed' && result.phase === 'chauthtok')
  await attempt.ended
  assert.not(existsSync(file))
})

test('the limits of a step and of the whole wait for the new password as well', async () => {
  const { attempt, file } = startChange('slow', 1600, { stepMs: 1500, totalMs: 1500 })
  assert.is(outcome(await play(attempt, ['new'])), 'ok')
  assert.ok(existsSync(file))
})

test('a password change that hangs is ended at a limit of its own', async () => {
  const { attempt } = startChange('slow', 60_000, { finishMs: 300 })
  const { result } = await play(attempt, ['new'])
  assert.ok(!result.ok && result.reason === 'timeout' && result.phase === 'chauthtok')
})

test('misuse is told to the programmer', async () => {
  const attempt = start(createService(UNIX_RULES))
  const first = attempt.next()
  assert.throws(() => attempt.next(), TypeError)
  await first
  assert.throws(() => attempt.answer([]), TypeError)
  assert.throws(() => attempt.answer([answerText('a'), answerText('b')]), TypeError)
  assert.throws(() => attempt.proceed(), TypeError)
  attempt.kill()
  await attempt.ended
})

test('a helper that a module leaves behind does not hold the end up', async () => {
  const started = performance.now()
  assert.is(outcome(await play(startMode('helper'), [])), 'ok')
  assert.ok(performance.now() - started < 2500)
})

test('a helper of the same process group ends with the child', async () => {
  const attempt = startMode('hang-helper')
  const event = await attempt.next()
  assert.ok(event.kind === 'show')
  const helper = `/proc/${event.messages[0]?.text}`
  assert.ok(existsSync(helper))
  attempt.kill()
  await attempt.ended
  await waitFor(() => !existsSync(helper) || / Z /.test(readFileSync(`${helper}/stat`, 'utf8')))
})

test('no child is left, not even a zombie', () => {
  assert.equal(findChildren(), [])
})

test.run()
