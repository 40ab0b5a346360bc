/** Sessions while the disk is full: changes are refused, and nobody is kept out. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon, type Tokens } from '../support/daemon.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

const test = suite('e2e session: full disk')
let daemon: Daemon
let alice: Account
let config: Readonly<Record<string, unknown>>

test.before(async () => {
  alice = await createAccount()
  const login = { allow: { users: [alice.name] }, failure_delay_seconds: 0.5 }
  config = { login, insecure: { throttle_off: true } }
  daemon = await startDaemon({ config })
})
test.after(async () => {
  await daemon?.remove()
  await alice?.remove()
})

const login = () => daemon.tokens(alice.name, alice.password)

const statusFor = async ({ access_token: token }: Tokens) => (await daemon.ask('/postern/v1/me', { token })).status
const refresh = (token: string) => daemon.ask('/postern/v1/refresh', { body: { refresh_token: token } })

test('on a full disk changes are refused with 507, logins go on, and the journal has what the trail could not take', async () => {
  const disk = mountSmallDisk(12 * 1024 * 1024)
  try {
    await daemon.stop()
    const { directory, runtime } = daemon
    const own = { runtime, gate_runtime: join(directory, 'gate-run'), gate_state: join(directory, 'gate-state') }
    const full = { state: join(disk.path, 'state'), log: join(disk.path, 'log'), jobs: join(directory, 'jobs') }
    daemon.configure({ ...config, paths: { ...own, ...full } })
    await daemon.start()
    // What the trail cannot take is in the journal at every level.
    daemon.configure({ ...config, log: { level: 'error' }, paths: { ...own, ...full } })
    const reload = await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
    assert.is(reload.status, 200)
    const before = await login()
    // Room is set aside by the first upkeep, within two seconds.
    await wait(2500)
    disk.fill()
    const revoke = (id = before.session.id) =>
      daemon.ask(`/postern/v1/sessions/${id}`, { method: 'DELETE', token: daemon.token() })
    // The last page of the trail has room for some lines yet.
    for (let count = 0; count < 50 && (await revoke('A'.repeat(22))).status !== 507; count += 1);
    const refused = await revoke()
    assert.equal([refused.status, refused.json().code], [507, 'storage_full'])
    assert.is(await statusFor(before), 200)
    for (let count = 0; count < 12; count += 1) {
      const tokens = await login()
      assert.is(await statusFor(tokens), 200)
      if (count === 0) assert.is((await refresh(tokens.refresh_token)).status, 200)
    }
    assert.is((await daemon.login(alice.name, 'wrong')).status, 401)
    assert.match(daemon.log(), /audit .*login\.begin/)
    disk.free()
    await wait(5100)
    assert.is((await revoke()).status, 200)
    assert.is(await statusFor(before), 401)
    const trail = readFileSync(join(disk.path, 'log/audit.log'), 'utf8')
    assert.match(trail, '"audit.resumed"')
  } finally {
    await daemon.stop()
    disk.remove()
  }
})

test.run()
