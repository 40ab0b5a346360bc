/** Sessions over HTTP: how long they last, who sees them, and who ends them. */
import { setTimeout as wait } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Reply } from '../support/http.ts'

const test = suite('e2e session')
let daemon: Daemon
let alice: Account
let bob: Account
let boss: Account

test.before(async () => {
  alice = await createAccount()
  bob = await createAccount()
  boss = await createAccount()
  daemon = await startDaemon({ config: config() })
})
test.after(async () => {
  await daemon?.remove()
  for (const account of [alice, bob, boss]) await account?.remove()
})

function config(): Record<string, unknown> {
  const token = { access_seconds: 60, refresh_seconds: 300, max_seconds: 600 }
  return {
    token,
    login: { allow: { users: [alice.name, bob.name, boss.name] }, failure_delay_seconds: 0.5 },
    roles: { admin: { users: [boss.name] } },
    session: { cookie_seconds: 20, idle_seconds: 5 },
    pam: { children_per_source: 10 },
    insecure: { throttle_off: true },
  }
}

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
  readonly session: { readonly id: string; readonly source: string; readonly agent: string | null }
}

async function login({ name, password }: Account, more: object = {}): Promise<Tokens> {
  const reply = await daemon.login(name, password, more)
  assert.is(reply.status, 200, reply.text)
  return reply.json() as unknown as Tokens
}

async function cookieLogin({ name, password }: Account): Promise<string> {
  const body = { user: name, password, cookie: true }
  const reply = await daemon.ask('/postern/v1/login', { headers: { Origin: daemon.url }, body })
  assert.is(reply.status, 200, reply.text)
  return (reply.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? ''
}

const me = ({ access_token: token }: Tokens) => daemon.ask('/postern/v1/me', { token })
const refresh = (token: string) => daemon.ask('/postern/v1/refresh', { body: { refresh_token: token } })
const itemsOf = (reply: Reply) => reply.json().items as { id: string; user: { name: string }; current: boolean }[]

const lifetimes: [name: string, more: object, expected: number][] = [
  ['access_seconds', {}, 60],
  ['what it asks for', { expires_seconds: 10 }, 10],
  ['max_seconds at most', { expires_seconds: 10_000 }, 600],
]
for (const [name, more, expected] of lifetimes)
  test(`a login lasts ${name}`, async () => {
    const tokens = await login(alice, more)
    const { iat = 0, exp = 0 } = decodeJwt(tokens.access_token)
    assert.equal([tokens.expires_in, exp - iat], [expected, expected])
  })

const wrongLifetimes = [0, -1, 1.5, '60', null]
for (const seconds of wrongLifetimes)
  test(`a lifetime of ${JSON.stringify(seconds)} is no lifetime`, async () => {
    assert.is((await daemon.login(alice.name, alice.password, { expires_seconds: seconds })).status, 400)
  })

test('an access token ends on its second, although gates remember it', async () => {
  const tokens = await login(alice, { expires_seconds: 1 })
  assert.is((await me(tokens)).status, 200)
  await wait(1050)
  assert.is((await me(tokens)).status, 401)
  assert.is((await daemon.ask('/postern/v1/check', { token: tokens.access_token })).status, 401)
  assert.is((await refresh(tokens.refresh_token)).status, 200)
})

test('a cookie session that is used goes on past its idle time, one that is not ends, and the keeper removes it', async () => {
  const [used, idle] = [await cookieLogin(bob), await cookieLogin(bob)]
  const check = async (cookie: string) =>
    (await daemon.ask('/postern/v1/check', { headers: { Cookie: cookie } })).status
  for (let second = 0; second < 8; second += 1) {
    assert.is(await check(used), 200, `after ${second} s`)
    await wait(1000)
  }
  assert.is(await check(idle), 401)
  assert.is(await check(used), 200)
  const bobs = await daemon.ask(`/postern/v1/sessions?user=${bob.name}`, { token: daemon.token() })
  assert.is(itemsOf(bobs).length, 1)
})

test('everybody sees their own sessions, an admin everyone’s', async () => {
  const [mine, theirs, admin] = [await login(alice), await login(bob), await login(boss)]
  const own = itemsOf(await daemon.ask('/postern/v1/sessions?limit=200', { token: mine.access_token }))
  assert.ok(own.every(({ user }) => user.name === alice.name))
  assert.equal(
    own.filter(({ current }) => current).map(({ id }) => id),
    [mine.session.id],
  )
  for (const query of ['everyone=true', `user=${bob.name}`, 'user=nobody'])
    assert.is((await daemon.ask(`/postern/v1/sessions?${query}`, { token: mine.access_token })).status, 403)
  const all = itemsOf(await daemon.ask('/postern/v1/sessions?everyone', { token: admin.access_token }))
  for (const { session } of [mine, theirs, admin]) assert.ok(all.some(({ id }) => id === session.id))
})

test('a list comes in pages over HTTP', async () => {
  const mine = await login(boss)
  await login(boss)
  const first = await daemon.ask('/postern/v1/sessions?limit=1', { token: mine.access_token })
  const { next } = first.json()
  assert.type(next, 'string')
  const second = await daemon.ask(`/postern/v1/sessions?limit=1&cursor=${next}`, { token: mine.access_token })
  assert.is.not(itemsOf(first)[0]?.id, itemsOf(second)[0]?.id)
  for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'limi=1', 'everyone=yes'])
    assert.is((await daemon.ask(`/postern/v1/sessions?${query}`, { token: mine.access_token })).status, 400, query)
})

test('a session tells from where and with what it was made, and nothing that a client wrote is trusted', async () => {
  const body = { user: alice.name, password: alice.password }
  const headers = { 'User-Agent': 'tést <b>', 'X-Forwarded-For': '203.0.113.9' }
  const reply = await daemon.ask('/postern/v1/login', { body, uid: bob.uid, headers })
  const { session } = reply.json() as unknown as Tokens
  assert.is(session.source, `uid:${bob.uid}`)
  assert.match(session.agent ?? '', /^t\?+st <b>$/)
})

test('one revokes one’s own; another’s is not to be found, and goes on', async () => {
  const [mine, second, theirs] = [await login(alice), await login(alice), await login(bob)]
  const revoke = (id: string) =>
    daemon.ask(`/postern/v1/sessions/${id}`, { method: 'DELETE', token: mine.access_token })
  assert.is((await revoke(second.session.id)).status, 200)
  assert.is((await me(second)).status, 401)
  assert.is((await refresh(second.refresh_token)).status, 401)
  const strangers = await revoke(theirs.session.id)
  const nobodys = await revoke('A'.repeat(22))
  assert.equal([strangers.status, strangers.json()], [404, nobodys.json()])
  assert.is((await me(theirs)).status, 200)
  for (const id of ['x', '..', '%2e%2e', 'A'.repeat(23)]) assert.ok((await revoke(id)).status >= 400)
})

test('all others of one’s own, then all', async () => {
  const [first, second, theirs] = [await login(alice), await login(alice), await login(bob)]
  const revoke = (body: object) => daemon.ask('/postern/v1/sessions/revoke', { token: first.access_token, body })
  assert.is((await revoke({ usr: bob.name })).status, 400)
  assert.is((await revoke({ user: bob.name })).status, 403)
  assert.is((await revoke({ others: true })).status, 200)
  assert.equal([(await me(first)).status, (await me(second)).status], [200, 401])
  assert.is((await revoke({})).status, 200)
  assert.equal([(await me(first)).status, (await me(theirs)).status], [401, 200])
})

test('an admin ends another’s', async () => {
  const [admin, theirs] = [await login(boss), await login(bob)]
  const reply = await daemon.ask('/postern/v1/sessions/revoke', { token: admin.access_token, body: { user: bob.name } })
  assert.is(reply.status, 200)
  assert.is((await me(theirs)).status, 401)
})

test('a lost answer is given again; reuse from elsewhere ends the session', async () => {
  const first = await login(alice)
  assert.is((await refresh(first.refresh_token)).status, 200)
  const again = (await refresh(first.refresh_token)).json() as unknown as Tokens
  assert.is((await me(again)).status, 200)
  const stolen = { body: { refresh_token: again.refresh_token } }
  const next = (await daemon.ask('/postern/v1/refresh', stolen)).json() as unknown as Tokens
  assert.is((await daemon.ask('/postern/v1/refresh', { ...stolen, uid: 4242 })).status, 401)
  assert.is((await me(next)).status, 401)
})

test('a refusal of a token says which scheme is asked for, and nothing of why', async () => {
  for (const token of ['x', `${(await login(alice)).access_token}x`]) {
    const reply = await daemon.ask('/postern/v1/me', { token })
    assert.equal([reply.status, reply.json().code, 'detail' in reply.json()], [401, 'unauthenticated', false])
    assert.match(reply.headers['www-authenticate'] ?? '', /^Bearer/)
  }
})

test('a restart loses nobody, and reads no clock of before', async () => {
  const [mine, cookie] = [await login(alice), await cookieLogin(bob)]
  await daemon.stop()
  await daemon.start()
  assert.is((await me(mine)).status, 200)
  assert.is((await daemon.ask('/postern/v1/me', { headers: { Cookie: cookie } })).status, 200)
  assert.is((await refresh(mine.refresh_token)).status, 200)
})

test.run()
