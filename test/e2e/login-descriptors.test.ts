/** Logins while the keeper has no file descriptor left: no child can be started, nothing can be opened. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { assertRefused, auditOf, pamChildren, waitFor } from './login-drive.ts'

const test = suite('e2e login: no descriptors')
const groups = ['users']
let daemon: Daemon
let account: Account

test.before(async () => {
  account = await createAccount({ groups })
  const login = { allow: { groups }, failure_delay_seconds: 0.5 }
  daemon = await startDaemon({ config: { login, insecure: { throttle_off: true } } })
})
test.after(async () => {
  await daemon.remove()
  await account.remove()
})

const login = () => daemon.login(account.name, account.password)

function prlimit(...args: string[]): string {
  return execFileSync('prlimit', ['--pid', String(daemon.process.pid), ...args], { encoding: 'utf8' }).trim()
}

/** Lets the keeper open nothing more; the returned function gives it back what it had. */
function takeDescriptors(): () => void {
  const former = prlimit('--nofile', '--noheadings', '--output=SOFT')
  let first = 0
  while (existsSync(`/proc/${daemon.process.pid}/fd/${first}`)) first += 1
  prlimit(`--nofile=${first}:`)
  return () => void prlimit(`--nofile=${former}:`)
}

test('they fail, one by one and in the log, and go on in the same keeper once it has some again', async () => {
  const { pid } = daemon.process
  assert.is((await login()).status, 200)
  await waitFor('a spare child', () => pamChildren(daemon).length === 1)
  const give = takeDescriptors()
  try {
    // The spare child can still prove the password, but whose account that is cannot be read any more.
    assert.is.not((await login()).status, 200)
    // More than there are places.
    for (let round = 0; round < 12; round += 1) assertRefused(await login())
  } finally {
    give()
  }
  assert.is(auditOf(daemon, 'login.begin').at(-1)?.reason, 'crashed')
  assert.match(daemon.log(), /a PAM child did not end well .*EMFILE/)
  assert.is((await login()).status, 200)
  assert.is(daemon.process.pid, pid)
  assert.not(/a gate ended/.test(daemon.log()))
})

test.run()
