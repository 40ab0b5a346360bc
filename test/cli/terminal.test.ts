/** Login on a real terminal: nothing secret is shown, and the terminal is left as it was found. */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { runOnTerminal, type Typing } from './pty.ts'
import { createPerson, type Person } from './run.ts'

const program = join(import.meta.dirname, '../../dist/postern.cjs')
const test = suite('cli/terminal')

let daemon: Daemon
let account: Account
let person: Person
test.before(async () => {
  account = await createAccount()
  daemon = await startDaemon({ config: { login: { allow: { users: [account.name] } } } })
  person = createPerson(account.uid, daemon.runtime)
})
test.after(async () => {
  person?.remove()
  await daemon?.remove()
  await account?.remove()
})

/** Runs `postern WORDS` as the person, then shows its exit status and the terminal's settings. */
function onTerminal(words: string, typing: readonly Typing[]): Promise<string> {
  const { stateHome } = person
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: stateHome,
    XDG_STATE_HOME: stateHome,
    POSTERN_RUNTIME: daemon.runtime,
  }
  const as = `setpriv --reuid ${account.uid} --regid ${account.uid} --clear-groups`
  return runOnTerminal(`${as} ${process.execPath} ${program} ${words}; echo "status=$?"; stty -a`, env, typing)
}

const isAsFound = (shown: string) => ['echo', 'icanon', 'isig'].every(flag => new RegExp(`\\s${flag}\\s`).test(shown))

test('asks for the password without showing it', async () => {
  const shown = await onTerminal('login', [[/Password: /, `${account.password}\r`]])
  assert.match(shown, /status=0/)
  assert.match(shown, new RegExp(`logged in as ${account.name}`))
  assert.not.match(shown, new RegExp(account.password))
  assert.ok(isAsFound(shown), shown)
})

test('lets a mistyped password be corrected', async () => {
  const shown = await onTerminal('login', [[/Password: /, `wrong\u0015x\u007f${account.password}\r`]])
  assert.match(shown, /status=0/)
})

test('restores the terminal at Ctrl-C', async () => {
  const shown = await onTerminal('login', [[/Password: /, 'half\u0003']])
  assert.match(shown, /status=130/)
  assert.not.match(shown, /half|error/)
  assert.ok(isAsFound(shown), shown)
})

test('says that the login failed, with the status for it', async () => {
  const shown = await onTerminal('login', [[/Password: /, 'wrong\r']])
  assert.match(shown, /postern: error: the login failed/)
  assert.match(shown, /status=77/)
})

test('changes an expired password within the login', async () => {
  await account.expirePassword()
  const fresh = 'Vier-Wanderer-9-Huegel'
  const shown = await onTerminal('login', [
    [/Password: /, `${account.password}\r`],
    [/Current password: /, `${account.password}\r`],
    [/New password: /, `${fresh}\r`],
    [/Retype new password: /, `${fresh}\r`],
  ])
  assert.match(shown, /status=0/, shown)
  assert.not.match(shown, new RegExp(`${fresh}|${account.password}`))
  await account.setPassword(account.password)
})

test('refuses --password-stdin on a terminal, which would show the password', async () => {
  const shown = await onTerminal('login --password-stdin', [])
  assert.match(shown, /would show the password/)
  assert.match(shown, /status=64/)
})

test.run()
