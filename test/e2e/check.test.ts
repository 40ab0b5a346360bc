/** access.check over HTTP: the answer from memory says the same as the one that asks the keeper, and no longer than it is true. */
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite<{ daemon: Daemon; account: Account; token: string; agent: Agent }>('e2e/check')

const config = {
  roles: { admin: { users: ['root'] }, reader: { groups: ['sudo'], permissions: ['report.read'] } },
  login: { failure_delay_seconds: 0.5 },
}

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon({ config: { ...config, hosts: ['box.example'] } })
})

test.before.each(async context => {
  context.agent = new Agent({ keepAlive: true, maxSockets: 1 })
  context.token = String(
    (await context.daemon.login(context.account.name, context.account.password)).json().access_token,
  )
})

test.after.each(({ agent }) => agent.destroy())

test.after(async ({ daemon, account }) => {
  await daemon.remove()
  await account.remove()
})

test('a remembered token is answered as one that is asked for, headers and all', async ({ daemon, account, token }) => {
  const asked = await daemon.ask('/postern/v1/check?', { token })
  await daemon.ask('/postern/v1/check', { token })
  const remembered = await daemon.ask('/postern/v1/check', { token })
  assert.is(remembered.status, 200)
  assert.equal(remembered.json(), asked.json())
  assert.is((remembered.json().user as { name: string }).name, account.name)
  const { date: _one, ...first } = asked.headers
  const { date: _other, ...second } = remembered.headers
  assert.equal(second, first)
})

test('a permission is held or not', async ({ daemon, token }) => {
  const status = async (permission: string) =>
    (await daemon.ask(`/postern/v1/check?permission=${permission}`, { token })).status
  assert.is(await status('report.read'), 200)
  assert.is(await status('report.write'), 403)
  assert.is(await status('no%20name'), 400)
})

test('a remembered token is refused from the moment that its session has ended', async ({ daemon, token }) => {
  assert.is((await daemon.ask('/postern/v1/check', { token })).status, 200)
  await daemon.ask('/postern/v1/logout', { method: 'POST', token })
  const refused = await daemon.ask('/postern/v1/check', { token })
  assert.is(refused.status, 401)
  assert.is(refused.json().code, 'unauthenticated')
  assert.match(String(refused.headers['www-authenticate']), /^Bearer /)
})

test('a remembered token is let in by no other name of the host, and by no other method', async ({ daemon, token }) => {
  assert.is((await daemon.ask('/postern/v1/check', { token })).status, 200)
  assert.is((await daemon.ask('/postern/v1/check', { token, headers: { Host: 'evil.example' } })).status, 421)
  assert.is((await daemon.ask('/postern/v1/check', { token, method: 'POST' })).status, 405)
})

test("root's token is remembered for local requests only", async ({ daemon }) => {
  const token = daemon.token()
  assert.is((await daemon.ask('/postern/v1/check', { token })).status, 200)
  assert.is(
    (await daemon.ask('/postern/v1/check', { token, headers: { 'X-Forwarded-For': '203.0.113.7' } })).status,
    401,
  )
  assert.is((await daemon.ask('/postern/v1/check', { token })).status, 200)
})

test('on one connection, each question is answered for the token that it carries', async context => {
  const { daemon, account, token, agent } = context
  const status = async (more: object) => (await daemon.ask('/postern/v1/check', { agent, ...more })).status
  assert.is(await status({ token }), 200)
  assert.is(await status({ token }), 200)
  assert.is(await status({}), 401)
  const [head, claims, signature = ''] = token.split('.')
  const forged = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  assert.is(await status({ token: `${head}.${claims}.${forged}` }), 401)
  assert.is(await status({ token, headers: { Host: 'evil.example' } }), 421)
  const other = String((await daemon.login(account.name, account.password)).json().access_token)
  assert.is(await status({ token: other }), 200)
  await daemon.ask('/postern/v1/logout', { method: 'POST', token })
  assert.is(await status({ token: other }), 200)
  assert.is(await status({ token }), 401)
})

test('on one connection, the same words with more after them are another question', async ({ daemon, token }) => {
  const socket = connect(daemon.port, '127.0.0.1')
  const ask = async (...more: string[]) => {
    const fields = [`Host: 127.0.0.1:${daemon.port}`, `Authorization: Bearer ${token}`, ...more]
    socket.write(`GET /postern/v1/check HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`)
    const [answer] = await once(socket, 'data')
    return String(answer).slice(0, 15)
  }
  try {
    assert.match(await ask(), / 200 /)
    assert.match(await ask(), / 200 /)
    assert.match(await ask('Authorization: Bearer x'), / 401 /)
    assert.match(await ask(), / 200 /)
  } finally {
    socket.destroy()
  }
})

test('on one connection, a yes ends with its session', async ({ daemon, token, agent }) => {
  const status = async () => (await daemon.ask('/postern/v1/check', { agent, token })).status
  assert.equal([await status(), await status()], [200, 200])
  await daemon.ask('/postern/v1/logout', { method: 'POST', token })
  assert.is(await status(), 401)
})

test('on one connection, a yes ends when the token expires', async ({ daemon, account, agent }) => {
  const { name, password } = account
  const token = String((await daemon.login(name, password, { expires_seconds: 1 })).json().access_token)
  const status = async () => (await daemon.ask('/postern/v1/check', { agent, token })).status
  assert.is(await status(), 200)
  const endMs = performance.now() + 5000
  let last = 200
  while (last === 200 && performance.now() < endMs) last = await status()
  assert.is(last, 401)
})

test('on one connection, a yes ends when its Host is no longer ours', async ({ daemon, token, agent }) => {
  const headers = { Host: 'box.example' }
  const status = async () => (await daemon.ask('/postern/v1/check', { agent, token, headers })).status
  assert.equal([await status(), await status()], [200, 200])
  daemon.configure(config)
  assert.is((await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })).status, 200)
  assert.is(await status(), 421)
})

test.run()
