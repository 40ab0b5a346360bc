/** Logins while the PAM service of a running daemon is gone: libpam would let in by the rules of `other`. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { answer, assertRefused, auditOf, stepOf } from './login-drive.ts'

const groups = ['users']

for (const backend of ['conversation', 'authenticate-pam']) {
  const test = suite(`e2e login: a PAM service that goes away, ${backend}`)
  let daemon: Daemon
  let account: Account
  let file: string
  let rules: string

  test.before(async () => {
    account = await createAccount({ groups })
    const login = { allow: { groups }, failure_delay_seconds: 0.5 }
    daemon = await startDaemon({ config: { pam: { backend }, login, insecure: { throttle_off: true } } })
    const { pam } = JSON.parse(readFileSync(daemon.configFile, 'utf8')) as { pam: { service: string } }
    file = `/etc/pam.d/${pam.service}`
    rules = readFileSync(file, 'utf8')
  })
  test.after(async () => {
    await daemon.remove()
    await account.remove()
  })
  test.after.each(() => writeFileSync(file, rules))

  const login = () => daemon.login(account.name, account.password)
  const reason = () => auditOf(daemon, 'login.begin').at(-1)?.reason

  for (const { name, lose, says } of [
    { name: 'removed', lose: () => rmSync(file), says: 'no such file in /etc/pam.d' },
    { name: 'emptied', lose: () => writeFileSync(file, ''), says: 'no rules for auth and account and password' },
  ])
    test(`a file that was ${name} lets nobody in, is told of, and counts again once it is back`, async () => {
      assert.is((await login()).status, 200)
      const from = daemon.log().length
      lose()
      // The first by the spare child, which was started while the file was there.
      for (let round = 0; round < 2; round += 1) {
        assertRefused(await login())
        assert.is(reason(), 'system')
      }
      assert.ok(daemon.log().slice(from).includes(says), daemon.log().slice(from))
      writeFileSync(file, rules)
      assert.is((await login()).status, 200)
      assertRefused(await daemon.login(account.name, 'wrong'))
      assert.is(reason(), 'wrong_credentials')
    })

  test('rules that are gone when the password comes are not taken from elsewhere', async () => {
    const step = stepOf(await daemon.ask('/postern/v1/login', { body: { user: account.name } }))
    rmSync(file)
    const reply = await answer(daemon, step, [account.password])
    // libpam has had them since before the question; the package looks for them now.
    if (backend === 'conversation') assert.is(reply.status, 200, reply.text)
    else assertRefused(reply)
  })

  test.run()
}
