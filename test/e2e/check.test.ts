/** access.check over HTTP: the answer from memory says the same as the one that asks the keeper, and no longer than it is true. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite<{ daemon: Daemon; account: Account; token: string }>('e2e/check')

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  const roles = { admin: { users: ['root'] }, reader: { groups: ['sudo'], permissions: ['report.read'] } }
  context.daemon = await startDaemon({ config: { roles, login: { failure_delay_seconds: 0.5 } } })
})

test.before.each(async context => {
  context.token = String(
    (await context.daemon.login(context.account.name, context.account.password)).json().access_token,
  )
})

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

test.run()
