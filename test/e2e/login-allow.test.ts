/** Who may log in and as what, and that a refusal tells nobody which it was. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Reply } from '../support/http.ts'
import { buildPamModule } from '../support/pam-module/build.ts'
import { answer, assertRefused, auditOf, stepOf } from './login-drive.ts'

const test = suite('e2e login.allow')
const module = buildPamModule()
const alias = (whom: string) => `pt-alias-${whom}-${process.pid}`
const unknown = 'pt-nobody-of-that-name'
let daemon: Daemon
let named: Account
let member: Account
let stranger: Account

/** Two names that PAM makes those of others, root without a password, and pam_unix for everybody else. */
function rules(): string[] {
  const when = (user: string, then: string) => [
    `auth [success=ignore default=1] pam_succeed_if.so quiet user = ${user}`,
    `auth [success=done default=die] ${then}`,
  ]
  return [
    ...when(alias('named'), `${module.path} rename ${named.name}`),
    ...when(alias('stranger'), `${module.path} rename ${stranger.name}`),
    ...when('root', 'pam_permit.so'),
    'auth required pam_unix.so nodelay',
    'account [success=done default=ignore] pam_succeed_if.so quiet user = root',
    'account required pam_unix.so',
    'password required pam_unix.so yescrypt',
  ]
}

const config = () => ({
  pam: { children: 40, children_per_source: 30 },
  login: { allow: { users: [named.name], groups: ['games'] }, failure_delay_seconds: 1 },
  roles: {
    clerk: { users: [named.name], permissions: ['paper.print'] },
    viewer: { groups: ['games', 'users'] },
    operator: { groups: ['mail'] },
  },
  insecure: { throttle_off: true },
})

test.before(async () => {
  named = await createAccount()
  member = await createAccount({ groups: ['games'] })
  stranger = await createAccount({ groups: ['users', 'mail'] })
  daemon = await startDaemon({ config: config(), pam: rules() })
})
test.after(async () => {
  await daemon.remove()
  for (const one of [named, member, stranger]) await one.remove()
  module.remove()
})

async function rolesOf(reply: Reply): Promise<unknown> {
  assert.is(reply.status, 200, reply.text)
  return (await daemon.ask('/postern/v1/me', { token: String(reply.json().access_token) })).json().roles
}

const passwordOf = ({ name }: Account) =>
  readFileSync('/etc/shadow', 'utf8')
    .split('\n')
    .find(line => line.startsWith(`${name}:`))

test('who is named may log in, as what the roles say', async () => {
  const reply = await daemon.login(named.name, named.password)
  assert.equal(await rolesOf(reply), ['clerk'])
  const token = String(reply.json().access_token)
  assert.is((await daemon.ask('/postern/v1/check?permission=paper.print', { token })).status, 200)
  assert.is((await daemon.ask('/postern/v1/check?permission=paper.burn', { token })).status, 403)
  assert.is((await daemon.ask('/postern/v1/throttle', { token })).status, 403)
})

test('members of a group that is named may log in', async () => {
  assert.equal(await rolesOf(await daemon.login(member.name, member.password)), ['viewer'])
})

test('nobody else may, whatever roles they would have', async () => {
  assertRefused(await daemon.login(stranger.name, stranger.password))
  assert.is(auditOf(daemon, 'login.begin').at(-1)?.reason, 'not_in_login_allow')
})

test('root may not where the list does not name root', async () => {
  assertRefused(await daemon.login('root', 'x'))
  assert.is(auditOf(daemon, 'login.begin').at(-1)?.reason, 'not_in_login_allow')
})

test('the account is the one that PAM names, not the one that was typed', async () => {
  const reply = await daemon.login(alias('named'), 'x')
  assert.is(reply.status, 200, reply.text)
  const { session } = reply.json() as { session: { user: { name: string } } }
  assert.is(session.user.name, named.name)
  assert.equal(await rolesOf(reply), ['clerk'])
  assertRefused(await daemon.login(alias('stranger'), 'x'))
})

test('who may not log in may not change an expired password either', async () => {
  const before = passwordOf(stranger)
  await stranger.expirePassword()
  const expired = passwordOf(stranger)
  assertRefused(await daemon.login(stranger.name, stranger.password))
  const step = stepOf(await daemon.ask('/postern/v1/login', { body: { user: stranger.name } }))
  assertRefused(await answer(daemon, step, [stranger.password]))
  assert.is(passwordOf(stranger), expired)
  await stranger.setPassword(stranger.password)
  assert.not.equal(before, undefined)
})

test('an unknown user, a wrong password and every forbidden account get the very same answer', async () => {
  const late = await createAccount()
  await late.expirePassword()
  const gone = await createAccount({ groups: ['games'] })
  await gone.expire()
  const locked = await createAccount({ groups: ['games'] })
  await locked.lock()
  const tries = [
    [unknown, 'x'],
    [named.name, 'wrong'],
    [stranger.name, stranger.password],
    [stranger.name, 'wrong'],
    [late.name, late.password],
    [gone.name, gone.password],
    [locked.name, locked.password],
    ['root', 'x'],
    [`${named.name}\n`, 'x'],
    [named.name, 'x'.repeat(600)],
    ['daemon', ''],
  ] as const
  for (const accept of ['*/*', 'text/html,*/*;q=0.8']) {
    const replies = await Promise.all(
      tries.map(([user, password]) =>
        daemon.ask('/postern/v1/login', { headers: { Accept: accept }, body: { user, password } }),
      ),
    )
    const [first, ...others] = replies.map(({ status, headers, text }) => ({
      status,
      headers: { ...headers, date: '' },
      text,
    }))
    assert.is(first?.status, 401)
    for (const other of others) assert.equal(other, first)
  }
  const reasons = auditOf(daemon, 'login.begin').map(({ reason }) => reason)
  for (const reason of [
    'unknown_user',
    'wrong_credentials',
    'account_expired',
    'not_in_login_allow',
    'unsupported_text',
  ])
    assert.ok(reasons.includes(reason), reason)
  for (const one of [late, gone, locked]) await one.remove()
})

test('the form says the same to all of them too', async () => {
  const pages = await Promise.all(
    [
      [unknown, 'x'],
      [named.name, 'wrong'],
      [stranger.name, stranger.password],
    ].map(async ([user = '', password = '']) => {
      const headers = { Origin: daemon.url, 'Sec-Fetch-Site': 'same-origin', Accept: 'text/html' }
      const reply = await daemon.ask('/login', { headers, body: new URLSearchParams({ user, password }) })
      return { status: reply.status, text: reply.text.replaceAll(user, 'USER') }
    }),
  )
  assert.is(pages[0]?.status, 401)
  assert.equal(pages[1], pages[0])
  assert.equal(pages[2], pages[0])
})

test('groups are read anew at each refresh, and roles follow them at once', async () => {
  const reply = await daemon.login(member.name, member.password)
  const { access_token: token, refresh_token: refresh } = reply.json()
  assert.equal(await rolesOf(reply), ['viewer'])
  await member.setGroups(['games', 'mail'])
  const next = await daemon.ask('/postern/v1/refresh', { body: { refresh_token: refresh } })
  assert.equal(await rolesOf(next), ['viewer', 'operator'])
  assert.is((await daemon.ask('/postern/v1/throttle', { token: String(token) })).status, 200)
  // Out of every group that may log in.
  await member.setGroups([])
  const last = await daemon.ask('/postern/v1/refresh', { body: { refresh_token: next.json().refresh_token } })
  assert.is(last.status, 401)
  assert.is((await daemon.ask('/postern/v1/me', { token: String(token) })).status, 401)
  await member.setGroups(['games'])
})

test('groups are read anew at each login, and roles of the other sessions follow them', async () => {
  const first = await daemon.login(member.name, member.password)
  await member.setGroups(['games', 'mail'])
  assert.equal(await rolesOf(first), ['viewer'])
  assert.equal(await rolesOf(await daemon.login(member.name, member.password)), ['viewer', 'operator'])
  assert.equal(await rolesOf(first), ['viewer', 'operator'])
  await member.setGroups(['games'])
})

test('an account that was made anew is another identity', async () => {
  const name = `pt_again_${process.pid}`
  const first = await createAccount({ name, groups: ['games'] })
  const one = (await daemon.login(name, first.password)).json() as {
    refresh_token: string
    session: { user: { id: string } }
  }
  await first.remove()
  const keeper = await createAccount()
  const second = await createAccount({ name, groups: ['games'] })
  const two = (await daemon.login(name, second.password)).json() as typeof one
  assert.is.not(second.uid, first.uid)
  assert.is.not(two.session.user.id, one.session.user.id)
  assert.is((await daemon.ask('/postern/v1/refresh', { body: { refresh_token: one.refresh_token } })).status, 401)
  await second.remove()
  await keeper.remove()
})

test('what the list says after a reload counts at the next login', async () => {
  daemon.configure({ ...config(), login: { allow: { users: [stranger.name] }, failure_delay_seconds: 1 } })
  const reload = await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  assert.is(reload.status, 200, reload.text)
  assert.is((await daemon.login(stranger.name, stranger.password)).status, 200)
  assertRefused(await daemon.login(named.name, named.password))
  daemon.configure(config())
  await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
})

test('medians of 50 unknown users, 50 wrong passwords and 50 forbidden accounts differ by less than 10 %', async () => {
  const kinds = [
    { user: unknown, password: 'x' },
    { user: named.name, password: 'wrong' },
    { user: stranger.name, password: stranger.password },
  ]
  const times: number[][] = kinds.map(() => [])
  const time = async (kind: number) => {
    const start = performance.now()
    assert.is((await daemon.ask('/postern/v1/login', { body: kinds[kind] })).status, 401)
    times[kind]?.push(performance.now() - start)
  }
  for (let done = 0; done < 50; done += 5)
    await Promise.all(Array.from({ length: 15 }, (_, at) => time((at + done) % 3)))
  const medians = times.map(list => list.sort((a, b) => a - b)[25] ?? 0)
  assert.equal(
    times.map(({ length }) => length),
    [50, 50, 50],
  )
  assert.ok(Math.max(...medians) < 1.1 * Math.min(...medians), `medians ${medians.map(Math.round).join(', ')} ms`)
})

test.run()
