import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createAttempts } from '../../../server/keeper/pam/attempts.ts'
import { startChild } from '../../../server/keeper/pam/child-process.ts'
import type { Backend } from '../../../server/keeper/pam/protocol.ts'
import { type Account, createAccount, createPamService, type PamService } from '../../support/account.ts'
import { CHILD, LIMITS, outcome, play, request, type Story } from './drive.ts'

const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs: 20_000 })
let service: PamService
let account: Account

for (const backend of ['conversation', 'authenticate-pam'] satisfies Backend[]) {
  const test = suite(`keeper/pam contract: ${backend}`)
  const login = (name: string, ...answers: string[]): Promise<Story> =>
    play(attempts.start(request(service.name, name, backend)), answers)

  test.before(async () => {
    // nodelay: the package cannot be told not to sleep after a wrong password.
    service = createPamService([
      'auth required pam_unix.so nullok nodelay',
      'account required pam_unix.so',
      'password required pam_unix.so yescrypt',
    ])
    account = await createAccount()
  })
  test.after(async () => {
    await account.remove()
    await service.remove()
  })

  test('lets in with the right password, after one question', async () => {
    const story = await login(account.name, account.password)
    assert.equal(story.result, { kind: 'result', ok: true, user: account.name })
    assert.equal(story.questions, [[{ kind: 'secret', text: 'Password: ' }]])
    assert.equal(story.events[1], { kind: 'account', user: account.name, mustChange: false })
  })

  test('refuses a wrong, an empty and a longer password', async () => {
    for (const given of ['wrong', '', `${account.password}x`]) {
      const { result } = await login(account.name, given)
      assert.equal(result, {
        ...{ kind: 'result', ok: false, phase: 'authenticate', code: 7 },
        ...{ reason: 'wrong_credentials', message: 'Authentication failure' },
      })
    }
  })

  test('refuses an unknown user', async () => {
    assert.is(outcome(await login('pt_nobody_of_that_name', 'x')), 'unknown_user')
    assert.is(outcome(await login('žádný', 'x')), 'unknown_user')
  })

  test('refuses a locked account', async () => {
    await account.lock()
    assert.is(outcome(await login(account.name, account.password)), 'wrong_credentials')
    await account.unlock()
    assert.is(outcome(await login(account.name, account.password)), 'ok')
  })

  test('refuses an account whose password is empty, though the service says nullok', async () => {
    const open = await createAccount({ password: null })
    await open.emptyPassword()
    for (const given of ['', 'x']) assert.is(outcome(await login(open.name, given)), 'wrong_credentials')
    await open.remove()
  })

  test('proves a password that is not ASCII', async () => {
    const password = 'pässwörd 密码 🔑'
    const speaker = await createAccount({ password })
    assert.is(outcome(await login(speaker.name, password)), 'ok')
    assert.is(outcome(await login(speaker.name, 'password 密码 🔑')), 'wrong_credentials')
    await speaker.remove()
  })

  test('knows an account whose name is not ASCII', async () => {
    const named = await createAccount({ name: `pt_ž${process.pid}` })
    const { result } = await login(named.name, named.password)
    assert.equal(result, { kind: 'result', ok: true, user: named.name })
    await named.remove()
  })

  test('never cuts a long password', async () => {
    const password = 'p'.repeat(511)
    const patient = await createAccount({ password })
    const whole = outcome(await login(patient.name, password))
    assert.is(whole, backend === 'conversation' ? 'ok' : 'unsupported_text')
    assert.is.not(outcome(await login(patient.name, password.slice(0, 127))), 'ok')
    assert.is.not(outcome(await login(patient.name, password.slice(0, 126))), 'ok')
    await patient.remove()
  })

  const lines = [
    { name: 'a NUL after the right password', answer: () => `${account.password}\0junk` },
    { name: 'an answer of 512 bytes', answer: () => 'x'.repeat(512) },
    { name: 'an answer of 1 MB', answer: () => 'x'.repeat(1 << 20) },
    { name: 'a lone surrogate', answer: () => '\ud800' },
    { name: 'a number', answer: () => 42 },
  ]
  for (const { name, answer } of lines) {
    test(`the child itself refuses ${name}`, async () => {
      const child = startChild(CHILD)
      const said: string[] = []
      child.listen(
        line => said.push(line),
        () => {},
      )
      child.send(request(service.name, account.name, backend))
      child.send({ answers: [answer()] })
      assert.is((await child.ended).exitCode, 0)
      assert.match(said.at(-1) ?? '', /"ok":false,"phase":"authenticate".*"reason":"conversation"/)
    })
  }

  test('the child itself refuses a user name with a NUL or without a service', async () => {
    for (const wrong of [{ user: `${account.name}\0evil` }, { service: '' }]) {
      const child = startChild(CHILD)
      const said: string[] = []
      child.listen(
        line => said.push(line),
        () => {},
      )
      child.send({ ...request(service.name, account.name, backend), ...wrong })
      await child.ended
      assert.equal(said, [])
    }
  })

  test('changes an expired password within the login', async () => {
    await account.expirePassword()
    const fresh = 'Nový-heslo-4711'
    const story = await login(account.name, account.password, account.password, fresh, fresh)
    assert.equal(story.result, { kind: 'result', ok: true, user: account.name })
    assert.equal(
      story.questions.map(([question]) => question?.text),
      ['Password: ', 'Current password: ', 'New password: ', 'Retype new password: '],
    )
    assert.is(outcome(await login(account.name, fresh)), 'ok')
    assert.is(outcome(await login(account.name, account.password)), 'wrong_credentials')
  })

  test('a mistyped new password leaves the old one', async () => {
    const late = await createAccount()
    await late.expirePassword()
    const story = await login(late.name, late.password, late.password, 'Heslo-4711-a', 'Heslo-4711-b')
    assert.is(outcome(story), 'password_not_changed')
    assert.ok(!story.result.ok && story.result.phase === 'chauthtok')
    const again = (await login(late.name, late.password)).events.find(event => event.kind === 'account')
    assert.equal(again, { kind: 'account', user: late.name, mustChange: true })
    await late.remove()
  })

  test('refuses an expired account', async () => {
    const gone = await createAccount()
    await gone.expire()
    const { result } = await login(gone.name, gone.password)
    assert.ok(!result.ok && result.phase === 'account' && result.reason === 'account_expired')
    await gone.remove()
  })

  test.run()
}

const last = suite('keeper/pam contract: the package alone')

for (const length of [126, 127, 128, 200]) {
  last(`a password of ${length} bytes ${length <= 126 ? 'reaches' : 'does not reach'} the package`, async () => {
    const unix = createPamService(['auth required pam_unix.so nodelay', 'account required pam_unix.so'])
    const owner = await createAccount({ password: 'p'.repeat(length) })
    const story = await play(attempts.start(request(unix.name, owner.name, 'authenticate-pam')), ['p'.repeat(length)])
    assert.is(outcome(story), length <= 126 ? 'ok' : 'unsupported_text')
    await owner.remove()
    await unix.remove()
  })
}

last('a control character in the password or a long name does not reach the package', async () => {
  const yes = createPamService(['auth required pam_permit.so', 'account required pam_permit.so'])
  const tab = await play(attempts.start(request(yes.name, 'pt_nobody', 'authenticate-pam')), ['a\tb'])
  assert.is(outcome(tab), 'unsupported_text')
  const long = await play(attempts.start(request(yes.name, 'x'.repeat(127), 'authenticate-pam')), ['a'])
  assert.is(outcome(long), 'unsupported_text')
  assert.equal(long.questions, [])
  await yes.remove()
})

last.after(() => attempts.close())
last.run()
