/** Logins over HTTP with real accounts and the machine's own PAM modules, through both backends. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { answer, assertRefused, auditOf, questionOf, stepOf } from './login-drive.ts'

const directory = mkdtempSync(join(tmpdir(), 'postern-login-'))
process.once('exit', () => rmSync(directory, { recursive: true }))
const files = { nologin: join(directory, 'nologin'), access: join(directory, 'access'), oath: join(directory, 'oath') }
const oathKey = '3132333435363738393031323334353637383930'
const groups = ['users']

function code(counter: number): string {
  return execFileSync('oathtool', ['-c', String(counter), oathKey], { encoding: 'utf8' }).trim()
}

/** A service that asks more of some accounts than of others. */
function rulesFor(closed: Account, careful: Account): string[] {
  return [
    'auth requisite pam_unix.so nullok nodelay',
    `auth [success=ignore default=1] pam_succeed_if.so quiet user = ${careful.name}`,
    `auth required pam_oath.so usersfile=${files.oath} window=5`,
    'account required pam_unix.so',
    `account required pam_access.so nodefgroup accessfile=${files.access}`,
    `account [success=ignore default=1] pam_succeed_if.so quiet user = ${closed.name}`,
    `account required pam_nologin.so file=${files.nologin}`,
    'password required pam_unix.so yescrypt',
  ]
}

for (const backend of ['conversation', 'authenticate-pam']) {
  const test = suite(`e2e login: ${backend}`)
  let daemon: Daemon
  let account: Account
  let closed: Account
  let careful: Account

  test.before(async () => {
    account = await createAccount({ groups })
    closed = await createAccount({ groups })
    careful = await createAccount({ groups })
    writeFileSync(files.access, '+ : ALL : ALL\n')
    writeFileSync(files.oath, `HOTP ${careful.name} - ${oathKey}\n`, { mode: 0o600 })
    const config = {
      pam: { backend, children_per_source: 10 },
      login: { allow: { groups }, failure_delay_seconds: 0.5 },
      roles: { viewer: { groups } },
      insecure: { throttle_off: true },
    }
    daemon = await startDaemon({ config, pam: rulesFor(closed, careful) })
  })
  test.after(async () => {
    await daemon.remove()
    for (const one of [account, closed, careful]) await one.remove()
  })

  test('the right password gives tokens of a session that is the account’s', async () => {
    const reply = await daemon.login(account.name, account.password)
    assert.is(reply.status, 200, reply.text)
    const { access_token: token, token_type: type, expires_in: expires, refresh_token: refresh } = reply.json()
    assert.is(type, 'Bearer')
    assert.is(expires, 3600)
    assert.type(refresh, 'string')
    const me = await daemon.ask('/postern/v1/me', { token: String(token) })
    const { user, roles } = me.json() as { user: { name: string; realm: string }; roles: string[] }
    assert.is(user.name, account.name)
    assert.is(user.realm, 'pam')
    assert.equal(roles, ['viewer'])
  })

  test('a wrong, an empty and a longer password are refused, and the trail says why', async () => {
    for (const password of ['wrong', '', `${account.password}x`, account.password.slice(0, -1)])
      assertRefused(await daemon.login(account.name, password))
    const last = auditOf(daemon, 'login.begin').at(-1)
    assert.is(last?.outcome, 'refused')
    assert.is(last?.reason, 'wrong_credentials')
  })

  test('without a password the first step asks for it', async () => {
    const step = stepOf(await daemon.ask('/postern/v1/login', { body: { user: account.name } }))
    assert.equal(step.prompts, [{ kind: 'secret', text: 'Password: ' }])
    assert.is((await answer(daemon, step, [account.password])).status, 200)
    const again = stepOf(await daemon.ask('/postern/v1/login', { body: { user: account.name } }))
    assertRefused(await answer(daemon, again, ['wrong']))
  })

  test('an expired password is changed within the login', async () => {
    const late = await createAccount({ groups })
    await late.expirePassword()
    const fresh = 'Nový-heslo-4711'
    const first = await questionOf(daemon, await daemon.login(late.name, late.password))
    assert.is(first.prompts.at(-1)?.text, 'Current password: ')
    assert.match(JSON.stringify(first.prompts), /You are required to change your password/)
    const second = stepOf(await answer(daemon, first, [late.password]))
    assert.equal(second.prompts, [{ kind: 'secret', text: 'New password: ' }])
    const third = stepOf(await answer(daemon, second, [fresh]))
    const done = await answer(daemon, third, [fresh])
    assert.is(done.status, 200, done.text)
    assertRefused(await daemon.login(late.name, late.password))
    assert.is((await daemon.login(late.name, fresh)).status, 200)
    await late.remove()
  })

  test('a password that was changed within the login ends every other session of its account', async () => {
    const late = await createAccount({ groups })
    const before = [await daemon.tokens(late.name, late.password), await daemon.tokens(late.name, late.password)]
    const others = await daemon.tokens(account.name, account.password)
    await late.expirePassword()
    const fresh = 'Nový-heslo-4712'
    const first = await questionOf(daemon, await daemon.login(late.name, late.password))
    const second = stepOf(await answer(daemon, first, [late.password]))
    const third = stepOf(await answer(daemon, second, [fresh]))
    const status = async (token: unknown) => (await daemon.ask('/postern/v1/me', { token: String(token) })).status
    assert.is(await status(before[0]?.access_token), 200)
    const done = await answer(daemon, third, [fresh])
    assert.is(done.status, 200, done.text)
    for (const { access_token: token, refresh_token: refresh } of before) {
      assert.is(await status(token), 401)
      const reply = await daemon.ask('/postern/v1/refresh', { body: { refresh_token: refresh } })
      assert.is(reply.status, 401)
    }
    assert.is(await status(others.access_token), 200)
    assert.is(await status(done.json().access_token), 200)
    const { detail } = auditOf(daemon, 'login.answer').at(-1) ?? {}
    assert.equal(detail, { account: late.name, password_changed: true, sessions_ended: 2 })
    // A login that changes nothing ends nothing.
    await daemon.tokens(late.name, fresh)
    assert.is(await status(done.json().access_token), 200)
    await late.remove()
  })

  test('an expired password whose change is left half done stays as it was', async () => {
    const late = await createAccount({ groups })
    await late.expirePassword()
    const first = await questionOf(daemon, await daemon.login(late.name, late.password))
    const second = stepOf(await answer(daemon, first, [late.password]))
    const third = stepOf(await answer(daemon, second, ['Heslo-4711-a']))
    assertRefused(await answer(daemon, third, ['Heslo-4711-b']))
    const again = await questionOf(daemon, await daemon.login(late.name, late.password))
    assert.is(again.prompts.at(-1)?.text, 'Current password: ')
    await late.remove()
  })

  test('a locked account is refused', async () => {
    await account.lock()
    assertRefused(await daemon.login(account.name, account.password))
    await account.unlock()
    assert.is((await daemon.login(account.name, account.password)).status, 200)
  })

  test('an expired account is refused with its right password too, and not told that it was right', async () => {
    const gone = await createAccount({ groups })
    await gone.expire()
    assertRefused(await daemon.login(gone.name, gone.password))
    assert.is(auditOf(daemon, 'login.begin').at(-1)?.reason, 'account_expired')
    await gone.remove()
  })

  test('an account with an empty password is refused, though the service says nullok', async () => {
    const open = await createAccount({ password: null, groups })
    await open.emptyPassword()
    for (const password of ['', 'x']) assertRefused(await daemon.login(open.name, password))
    await open.remove()
  })

  test('pam_nologin keeps out whom it is asked for, while its file is there', async () => {
    assert.is((await daemon.login(closed.name, closed.password)).status, 200)
    writeFileSync(files.nologin, 'Closed for repairs.\n')
    assertRefused(await daemon.login(closed.name, closed.password))
    assert.is((await daemon.login(account.name, account.password)).status, 200)
    rmSync(files.nologin)
    assert.is((await daemon.login(closed.name, closed.password)).status, 200)
  })

  test('pam_access tells people at this machine from what a proxy passes on', async () => {
    writeFileSync(files.access, `+ : ${account.name} : LOCAL\n- : ALL : ALL\n`)
    const body = { user: account.name, password: account.password }
    assert.is((await daemon.ask('/postern/v1/login', { body, uid: account.uid })).status, 200)
    assertRefused(await daemon.ask('/postern/v1/login', { body, uid: 33 }))
    const socketPath = join(daemon.directory, 'gate-run/http.sock')
    assertRefused(await daemon.ask('/postern/v1/login', { body, socketPath }))
    writeFileSync(files.access, `+ : ${account.name} : 127.0.0.1\n- : ALL : ALL\n`)
    assertRefused(await daemon.ask('/postern/v1/login', { body, uid: account.uid }))
    assert.is((await daemon.ask('/postern/v1/login', { body, uid: 33 })).status, 200)
    writeFileSync(files.access, '+ : ALL : ALL\n')
  })

  if (backend === 'conversation') {
    test('a second factor is asked for in a step of its own', async () => {
      const step = stepOf(await daemon.login(careful.name, careful.password))
      assert.equal(step.prompts, [{ kind: 'secret', text: `One-time password (OATH) for \`${careful.name}': ` }])
      assert.is((await answer(daemon, step, [code(0)])).status, 200)
      assertRefused(await answer(daemon, stepOf(await daemon.login(careful.name, careful.password)), ['000000']))
      assertRefused(await answer(daemon, stepOf(await daemon.login(careful.name, careful.password)), [code(0)]))
    })

    test('a second factor may be given ahead', async () => {
      const reply = await daemon.login(careful.name, careful.password, { code: code(1) })
      assert.is(reply.status, 200, reply.text)
      assertRefused(await daemon.login(careful.name, careful.password, { code: '000000' }))
      assertRefused(await daemon.login(careful.name, 'wrong', { code: code(2) }))
      const { access_token: token } = (await daemon.login(careful.name, careful.password, { code: code(2) })).json()
      const claims = JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())
      assert.equal(claims.amr, ['pwd', 'mfa'])
    })
  } else {
    test('a second factor cannot be asked for, and nobody gets in without', async () => {
      assertRefused(await daemon.login(careful.name, careful.password))
      assertRefused(await daemon.login(careful.name, careful.password, { code: code(0) }))
    })
  }

  test.run()
}
