/** What becomes of open sessions when the system account behind them changes, with the machine's own directory. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { listen } from '../support/events.ts'

const test = suite('e2e session account')
let daemon: Daemon
let account: Account

const config = {
  login: { allow: { groups: ['users', 'mail'] }, failure_delay_seconds: 0.5 },
  roles: { admin: { groups: ['mail'] }, viewer: { groups: ['users'] } },
  pam: { children_per_source: 10 },
  insecure: { throttle_off: true },
}

test.before.each(async () => {
  account = await createAccount({ groups: ['users', 'mail'] })
  daemon = await startDaemon({ config })
})
test.after.each(async () => {
  await daemon.remove()
  await account.remove()
})

const login = async () => (await daemon.tokens(account.name, account.password)).access_token
const me = (token: string) => daemon.ask('/postern/v1/me', { token })

/** So that nobody remembers what was looked up; a minute would do it as well. */
async function restart(): Promise<void> {
  await daemon.stop()
  await daemon.start()
}

test('a browser of an account that is gone is out', async () => {
  const token = await login()
  await account.remove()
  await restart()
  assert.is((await me(token)).status, 401)
})

test('who is no administrator any more is none in an open session', async () => {
  const token = await login()
  assert.equal((await me(token)).json().roles, ['admin', 'viewer'])
  await account.setGroups(['users'])
  await restart()
  assert.equal((await me(token)).json().roles, ['viewer'])
  await account.setGroups([])
  await restart()
  assert.is((await me(token)).status, 401)
})

test('a configuration without the account ends its sessions when it is read', async () => {
  const token = await login()
  assert.is((await daemon.ask('/postern/v1/check', { token })).status, 200)
  const stream = await listen(`${daemon.url.replace('http', 'ws')}/postern/v1/events`, { token })
  daemon.configure({ ...config, login: { allow: { users: ['root'] }, failure_delay_seconds: 0.5 } })
  const reload = await daemon.ask('/postern/v1/config/reload', { token: daemon.token(), method: 'POST' })
  assert.is(reload.status, 200, reload.text)
  assert.is((await daemon.ask('/postern/v1/check', { token })).status, 401)
  assert.is((await stream.closed()).code, 4401)
  // It has ended: it does not come back with the line that let it in.
  daemon.configure(config)
  await daemon.ask('/postern/v1/config/reload', { token: daemon.token(), method: 'POST' })
  assert.is((await me(token)).status, 401)
})

test.run()
