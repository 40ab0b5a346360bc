/** Names and passwords that no C string, no terminal and no log would survive: handled or refused, never cut. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { answer, assertRefused, auditOf, stepOf } from './login-drive.ts'

const groups = ['users']
const json = { 'Content-Type': 'application/json' }
const login = '/postern/v1/login'
const password = 'Geheim-4711'
const accented = 'pässwörd 密码 🔑'
const long = 'p'.repeat(511)

for (const backend of ['conversation', 'authenticate-pam']) {
  const test = suite(`e2e login texts: ${backend}`)
  let daemon: Daemon
  let account: Account
  let speaker: Account
  let patient: Account

  test.before(async () => {
    account = await createAccount({ name: `pt_ž${process.pid}`, groups, password })
    speaker = await createAccount({ groups, password: accented })
    patient = await createAccount({ groups, password: long })
    const config = {
      pam: { backend, children_per_source: 10, children: 20 },
      login: { allow: { groups }, failure_delay_seconds: 0.5 },
      insecure: { throttle_off: true },
    }
    const pam = ['auth required pam_unix.so nodelay', 'account required pam_unix.so']
    daemon = await startDaemon({ config, pam })
  })
  test.after(async () => {
    await daemon.remove()
    for (const one of [account, speaker, patient]) await one.remove()
  })

  /** Sends bytes as they are. */
  const post = (body: string | Buffer) => daemon.ask(login, { method: 'POST', headers: json, body })

  test('a name and a password that are not ASCII log in', async () => {
    assert.is((await daemon.login(account.name, password)).status, 200)
    assert.is((await daemon.login(speaker.name, accented)).status, 200)
    assertRefused(await daemon.login(speaker.name, 'password 密码 🔑'))
    // The same to the eye, other bytes.
    assertRefused(await daemon.login(speaker.name, accented.normalize('NFD')))
  })

  test('a password of 511 bytes is whole or refused, and no beginning of it logs in', async () => {
    const whole = await daemon.login(patient.name, long)
    if (backend === 'conversation') assert.is(whole.status, 200, whole.text)
    else assertRefused(whole)
    for (const length of [510, 128, 127, 126, 8]) assertRefused(await daemon.login(patient.name, long.slice(0, length)))
    for (const more of ['p', 'x', '\0']) assertRefused(await daemon.login(patient.name, long + more))
  })

  const refused: { name: string; user?: (name: string) => string; given?: string }[] = [
    { name: 'a NUL behind the right password', given: `${password}\0junk` },
    { name: 'a NUL at its end', given: `${password}\0` },
    { name: 'a NUL before it', given: `\0${password}` },
    { name: 'a NUL behind the name', user: name => `${name}\0evil` },
    { name: 'a newline behind the name', user: name => `${name}\n` },
    { name: 'a newline behind the password', given: `${password}\n` },
    { name: 'a carriage return in the name', user: name => `\r${name}` },
    { name: 'an escape sequence in the name', user: name => `${name}\x1b[2J` },
    { name: 'a C1 control in the name', user: name => `${name}\x9b` },
    { name: 'a space behind the name', user: name => `${name} ` },
    { name: 'a lone surrogate as password', given: '\ud800' },
    { name: 'a lone surrogate behind the password', given: `${password}\udfff` },
    { name: 'a lone surrogate in the name', user: name => `${name}\ud800` },
    { name: 'the name in another normal form', user: name => name.normalize('NFD') },
    { name: 'the name in capitals', user: name => name.toUpperCase() },
    { name: 'a name of 257 bytes', user: name => name.padEnd(256, 'x') },
    { name: 'a name like an option', user: () => '--help' },
    { name: 'a name with a slash', user: name => `../${name}` },
    { name: 'a uid for a name', user: () => '0' },
    { name: 'a password of 512 bytes', given: 'x'.repeat(512) },
    { name: 'a password of 4096 characters', given: 'x'.repeat(4096) },
  ]

  test('what does not fit is refused as any wrong password is', async () => {
    const replies = await Promise.all(
      refused.map(async ({ name, user, given }) => ({
        name,
        reply: await daemon.login(user?.(account.name) ?? account.name, given ?? password),
      })),
    )
    for (const { name, reply } of replies) {
      assert.is(reply.status, 401, name)
      assertRefused(reply)
    }
  })

  test('an answer that does not fit ends its login', async () => {
    for (const given of [`${password}\0`, '\ud800', 'x'.repeat(512)]) {
      const step = stepOf(await daemon.ask(login, { body: { user: account.name } }))
      assertRefused(await answer(daemon, step, [given]))
      assert.is((await answer(daemon, step, [password])).status, 401)
    }
  })

  test('a body that is not UTF-8 is refused', async () => {
    const text = (bytes: number[]) =>
      Buffer.concat([
        Buffer.from(`{"user":"${account.name}","password":"${password}`),
        Buffer.from(bytes),
        Buffer.from('"}'),
      ])
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf5, 0x80, 0x80, 0x80]]) {
      const reply = await post(text(bytes))
      assert.is(reply.status, 400, reply.text)
      assert.is(reply.json().code, 'invalid_input')
    }
    assert.is((await post(text([]))).status, 200)
  })

  test('a surrogate pair that JSON escapes is the character', async () => {
    const escaped = JSON.stringify({ user: speaker.name, password: accented }).replace('🔑', '\\ud83d\\udd11')
    assert.is((await post(escaped)).status, 200)
  })

  test('1 MB is refused, whatever it is, and nothing of it is kept', async () => {
    const megabyte = 'x'.repeat(1024 * 1024)
    const bodies = [
      { user: megabyte, password },
      { user: account.name, password: megabyte },
    ]
    for (const body of bodies) assert.is((await daemon.ask(login, { body })).status, 413)
    for (const size of [1025, 100_000]) {
      const name = await daemon.login('x'.repeat(size), password)
      assert.is(name.status, 400, name.text)
      assert.not(name.text.includes('xxx'))
    }
    const secret = await daemon.login(account.name, 'y'.repeat(4097))
    assert.is(secret.status, 400)
    assert.not(secret.text.includes('yyy'))
  })

  const malformed: { name: string; body: string; status: number }[] = [
    { name: 'no user', body: '{"password":"x"}', status: 400 },
    { name: 'an empty user', body: '{"user":"","password":"x"}', status: 400 },
    { name: 'a number as password', body: '{"user":"root","password":4711}', status: 400 },
    { name: 'a list as user', body: '{"user":["root"],"password":"x"}', status: 400 },
    { name: 'null as password', body: '{"user":"root","password":null}', status: 400 },
    { name: 'a member that there is not', body: '{"user":"root","pasword":"x"}', status: 400 },
    { name: 'a list', body: '["root"]', status: 400 },
    { name: 'half of a JSON', body: '{"user":"root","password":"geh', status: 400 },
    { name: 'an expiry of no time', body: '{"user":"root","password":"x","expires_seconds":0}', status: 400 },
    { name: '__proto__', body: '{"user":"root","password":"x","__proto__":{"cookie":true}}', status: 400 },
    { name: 'nothing', body: '', status: 400 },
  ]
  for (const { name, body, status } of malformed) {
    test(`${name} in the body is ${status}, and no login`, async () => {
      const before = auditOf(daemon, 'login.begin').length
      const reply = await post(body)
      assert.is(reply.status, status, reply.text)
      assert.is(reply.json().code, 'invalid_input')
      assert.not(reply.text.includes('geh'))
      assert.is(auditOf(daemon, 'login.begin').length, before)
    })
  }

  test('no password stands in the log, in the trail or in the store', async () => {
    const trail = readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8')
    const store = ['postern.db', 'postern.db-wal'].map(name =>
      readFileSync(join(daemon.directory, 'state', name), 'latin1'),
    )
    for (const text of [daemon.log(), trail, ...store])
      for (const secret of [password, 'pässwörd', '密码', 'ppppppppppppppp', 'yyyyyyyyyyyyyyy'])
        assert.not(text.includes(secret))
  })

  test('the trail has every name on one line, its controls escaped', async () => {
    const trail = readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8')
    assert.not(/[^\P{Cc}\n]/u.test(trail))
    const names = auditOf(daemon, 'login.begin').map(record => (record.detail as { account?: string }).account)
    assert.ok(names.includes(`${account.name}\x1b[2J`))
    assert.ok(names.includes(`${account.name}\0evil`))
  })

  test.run()
}
