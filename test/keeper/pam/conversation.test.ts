import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createAttempts } from '../../../server/keeper/pam/attempts.ts'
import { type Account, createAccount, createPamService, UNIX_RULES } from '../../support/account.ts'
import { buildPamModule } from '../../support/pam-module/build.ts'
import { answerText, CHILD, LIMITS, outcome, play, request, type Story } from './drive.ts'

const test = suite('keeper/pam/conversation')
const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs: 20_000 })
const directory = mkdtempSync(join(tmpdir(), 'postern-conversation-'))
const module = buildPamModule()
const permit = 'account required pam_permit.so'
let account: Account

test.before(async () => {
  account = await createAccount()
})
test.after(async () => {
  await attempts.close()
  await account.remove()
  module.remove()
  rmSync(directory, { recursive: true })
})

/** One login at a service that exists for it alone. */
async function login(rules: readonly string[], name: string, ...answers: (string | string[])[]): Promise<Story> {
  const service = createPamService(rules)
  const story = await play(attempts.start(request(service.name, name)), answers)
  await service.remove()
  return story
}

/** One login at the test module. */
function probe(mode: string, ...answers: (string | string[])[]): Promise<Story> {
  return login([`auth required ${module.path} ${mode}`, permit], account.name, ...answers)
}

test('pam_nologin refuses an ordinary account, and tells nothing to one who may not come in', async () => {
  const file = join(directory, 'nologin')
  const rules = [...UNIX_RULES, `account required pam_nologin.so file=${file}`]
  assert.is(outcome(await login(rules, account.name, account.password)), 'ok')
  writeFileSync(file, 'Closed for repairs.\n')
  const story = await login(rules, account.name, account.password)
  assert.ok(!story.result.ok && story.result.phase === 'account')
  assert.equal(
    story.events.map(event => event.kind),
    ['ask', 'result'],
  )
})

test('what PAM says of a proven account is shown once the keeper has let it in, before what follows', async () => {
  const late = await createAccount()
  await late.expirePassword()
  const story = await login(UNIX_RULES, late.name, late.password, 'wrong')
  await late.remove()
  assert.equal(
    story.events.map(event => event.kind),
    ['ask', 'account', 'show', 'show', 'ask', 'result'],
  )
  assert.ok(story.events[2]?.kind === 'show' && story.events[2].messages[0]?.text.includes('change your password'))
})

test('pam_access decides by PAM_RHOST', async () => {
  const file = join(directory, 'access.conf')
  const rules = [...UNIX_RULES, `account required pam_access.so nodefgroup accessfile=${file}`]
  writeFileSync(file, `- : ${account.name} : 127.0.0.1\n+ : ALL : ALL\n`)
  const story = await login(rules, account.name, account.password)
  assert.is(outcome(story), 'permission_denied')
  writeFileSync(file, `+ : ${account.name} : 127.0.0.1\n- : ALL : ALL\n`)
  assert.is(outcome(await login(rules, account.name, account.password)), 'ok')
})

test('pam_oath asks for a code after the password', async () => {
  const file = join(directory, 'users.oath')
  const key = '3132333435363738393031323334353637383930'
  const rules = [`auth requisite pam_unix.so`, `auth required pam_oath.so usersfile=${file} window=5`, permit]
  const code = (counter: number) => execFileSync('oathtool', ['-c', String(counter), key], { encoding: 'utf8' }).trim()
  writeFileSync(file, `HOTP ${account.name} - ${key}\n`, { mode: 0o600 })
  const story = await login(rules, account.name, account.password, code(0))
  assert.is(outcome(story), 'ok')
  assert.equal(
    story.questions.map(([question]) => question?.kind),
    ['secret', 'secret'],
  )
  assert.is(outcome(await login(rules, account.name, account.password, '000000')), 'wrong_credentials')
  assert.is(outcome(await login(rules, account.name, account.password, code(0))), 'wrong_credentials')
  assert.is(outcome(await login(rules, account.name, account.password, code(1))), 'ok')
})

test('a text is shown before the question that follows it', async () => {
  const story = await probe('wait', 'yes')
  assert.is(outcome(story), 'ok')
  assert.equal(story.events.slice(0, 2), [
    { kind: 'show', messages: [{ kind: 'info', text: 'the number is 42' }] },
    { kind: 'ask', prompts: [{ kind: 'secret', text: 'Ready: ' }] },
  ])
})

test('three messages of one call are one question, each answered in its place', async () => {
  const story = await probe('three', ['one', 'zwölf'])
  assert.is(outcome(story), 'ok')
  assert.equal(story.questions, [
    [
      { kind: 'secret', text: 'First: ' },
      { kind: 'info', text: 'between' },
      { kind: 'text', text: 'Second: ' },
    ],
  ])
  assert.is(outcome(await probe('three', ['zwölf', 'one'])), 'wrong_credentials')
})

test('a text of 1 MB is shown to its first 4096 bytes', async () => {
  const story = await probe('big', 'yes')
  assert.is(outcome(story), 'ok')
  assert.equal(story.events[0], { kind: 'show', messages: [{ kind: 'info', text: 'x'.repeat(4096) }] })
})

test('bytes that are not UTF-8 and terminal controls are shown replaced', async () => {
  const story = await probe('bytes', '')
  assert.is(outcome(story), 'ok')
  const text = '\ufffd\ufffd café \ufffd[31m\ttab\nend \ufffd'
  assert.equal(story.events[0], { kind: 'show', messages: [{ kind: 'error', text }] })
})

test('a message without a text is an empty one', async () => {
  const story = await probe('null')
  assert.equal(story.events[0], { kind: 'show', messages: [{ kind: 'error', text: '' }] })
})

for (const mode of ['many', 'radio']) {
  test(`a call that breaks the protocol is refused: ${mode}`, async () => {
    const story = await probe(mode)
    assert.is(outcome(story), 'conversation')
    assert.is(story.events.length, 1)
  })
}

test('PAM_RHOST, PAM_TTY and PAM_DISALLOW_NULL_AUTHTOK reach the modules', async () => {
  const { events } = await probe('items')
  assert.equal(events[0], { kind: 'show', messages: [{ kind: 'info', text: 'rhost=127.0.0.1 tty=postern null=1' }] })
})

test('the environment is empty and the directory is the root', async () => {
  const { events } = await probe('env')
  assert.equal(events[0], { kind: 'show', messages: [{ kind: 'info', text: 'env=- cwd=/' }] })
})

test('the account is the one that PAM names, not the one that was typed', async () => {
  assert.equal((await probe('rename root')).result, { kind: 'result', ok: true, user: 'root' })
})

test('an account whose name is no text is refused', async () => {
  const { result } = await probe('rename-bytes')
  assert.ok(!result.ok && result.phase === 'account' && result.reason === 'system')
})

test('a refusal does not sleep, whatever a module wants', async () => {
  const start = performance.now()
  const rules = ['auth optional pam_faildelay.so delay=9000000', ...UNIX_RULES]
  assert.is(outcome(await login(rules, account.name, 'wrong')), 'wrong_credentials')
  assert.ok(performance.now() - start < 5000)
})

test('a service whose module is missing is a fault of the system', async () => {
  const { result } = await login(['auth required pam_no_such_module.so', permit], account.name)
  assert.ok(!result.ok && result.reason === 'system' && result.code === 28)
})

test('no password is changed before the keeper lets the account in', async () => {
  const file = join(directory, 'changed')
  const service = createPamService([
    `auth required ${module.path} yes`,
    `account required ${module.path} change`,
    `password required ${module.path} slow ${file} 0`,
  ])
  const attempt = attempts.start(request(service.name, account.name))
  assert.equal(await attempt.next(), { kind: 'account', user: account.name, mustChange: true })
  attempt.kill()
  await attempt.ended
  assert.not(existsSync(`${file}.asked`))
  assert.is(outcome(await play(attempts.start(request(service.name, account.name)), ['new'])), 'ok')
  assert.ok(existsSync(file))
  await service.remove()
})

test('an account that becomes another while its password is changed is refused', async () => {
  const rules = [
    `auth required ${module.path} yes`,
    `account required ${module.path} change`,
    `password required ${module.path} slow-rename ${join(directory, 'renamed')} 0`,
  ]
  const { result } = await login(rules, account.name, 'new')
  assert.ok(!result.ok && result.phase === 'chauthtok' && result.reason === 'system')
})

test('the child waits for the word to proceed, and takes no other', async () => {
  const service = createPamService([`auth required ${module.path} yes`, permit])
  const attempt = attempts.start(request(service.name, account.name))
  await attempt.next()
  assert.throws(() => attempt.answer([answerText('proceed')]), TypeError)
  attempt.proceed()
  assert.equal(await attempt.next(), { kind: 'result', ok: true, user: account.name })
  await service.remove()
})

test.run()
