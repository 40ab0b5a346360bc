/** The built command at a real daemon: as root, and as a person with an account. */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite('e2e/cli')

let daemon: Daemon
let account: Account
let person: Person
let root: Person
test.before(async () => {
  account = await createAccount()
  daemon = await startDaemon({
    config: { login: { allow: { users: [account.name] }, failure_delay_seconds: 0.5 } },
  })
  person = createPerson(account.uid, daemon.runtime)
  root = createPerson(0, daemon.runtime)
})
test.after(async () => {
  person?.remove()
  root?.remove()
  await daemon?.remove()
  await account?.remove()
})

const logIn = () => person.run(['login', '--password-stdin'], `${account.password}\n`)
const tokensFile = () => join(person.stateHome, 'postern/tokens.json')

test('root needs no login', async () => {
  const { status, stdout, stderr } = await root.run(['whoami', '--json'])
  assert.equal([status, stderr], [0, ''])
  const { user, session } = JSON.parse(stdout)
  assert.equal([user.name, session.kind], ['root', 'root'])
  assert.match((await root.run(['status'])).stdout, /^version +\d/)
})

test("root's token is the file's", async () => {
  assert.is((await root.run(['token'])).stdout.trim(), daemon.token())
})

test('a stranger is told to log in', async () => {
  const { status, stdout, stderr } = await person.run(['status'])
  assert.equal([status, stdout], [77, ''])
  assert.match(stderr, /^postern: error: you are not logged in.*\npostern: hint: .*postern login\n$/)
})

test('ping needs no login, and says when it is not there', async () => {
  for (const who of [person, root]) assert.equal(await who.run(['ping']), { status: 0, stdout: 'pong\n', stderr: '' })
  const { status, stderr } = await person.run(['ping', '--runtime', '/nonexistent', '--wait', '0.3'])
  assert.is(status, 69)
  assert.match(stderr, /not ready in 0.3 s/)
})

test('login by standard input keeps a session that later commands use, logout ends it', async () => {
  const login = await logIn()
  assert.is(login.status, 0, login.stderr)
  assert.is(login.stdout, '')
  const me = JSON.parse((await person.run(['whoami', '--json'])).stdout)
  assert.is(me.user.name, account.name)
  const token = (await person.run(['token'])).stdout.trim()
  assert.is((await daemon.ask('/postern/v1/me', { headers: { authorization: `Bearer ${token}` } })).status, 200)
  assert.is((await person.run(['logout'])).status, 0)
  assert.is((await daemon.ask('/postern/v1/me', { headers: { authorization: `Bearer ${token}` } })).status, 401)
  assert.is((await person.run(['whoami'])).status, 77)
  assert.is((await person.run(['logout'])).status, 77)
})

test('login with --json prints the session and no token', async () => {
  const { stdout } = await person.run(['login', '--password-stdin', '--json'], account.password)
  const { session, ...others } = JSON.parse(stdout)
  assert.is(session.user.name, account.name)
  assert.equal(Object.keys(others).sort(), ['expires_in', 'token_type'])
})

test('a second login ends the first one', async () => {
  await logIn()
  await logIn()
  const { items } = JSON.parse((await person.run(['sessions', '--json'])).stdout)
  assert.is(items.length, 1)
  assert.ok(items[0].current)
})

test('a wrong password is refused with a problem, and keeps the login there is', async () => {
  await logIn()
  const before = readFileSync(tokensFile(), 'utf8')
  const { status, stdout, stderr } = await person.run(['login', '--password-stdin', '--json'], 'wrong\n')
  assert.is(status, 77)
  assert.is(JSON.parse(stdout).code, 'login_failed')
  assert.match(stderr, /^postern: error: the login failed\n/)
  assert.is(readFileSync(tokensFile(), 'utf8'), before)
  assert.is((await root.run(['throttle', 'clear', '--account', account.name])).status, 0)
})

test('without a terminal, login wants --password-stdin', async () => {
  const { status, stderr } = await person.run(['login'])
  assert.is(status, 64)
  assert.match(stderr, /no terminal.*\n.*--password-stdin/)
  assert.is((await person.run(['login', '--password-stdin'])).status, 64)
})

/** Makes the stored access token one that the daemon does not take, as when it has ended. */
function spoilAccessToken(): void {
  const stored = JSON.parse(readFileSync(tokensFile(), 'utf8'))
  for (const login of Object.values<{ access_token: string }>(stored.logins)) login.access_token += 'x'
  writeFileSync(tokensFile(), JSON.stringify(stored))
}

test('an access token that has ended is renewed by itself, by one of several commands', async () => {
  await logIn()
  spoilAccessToken()
  const ran = await Promise.all([1, 2, 3].map(() => person.run(['whoami'])))
  assert.equal(
    ran.map(({ status, stderr }) => [status, stderr]),
    [1, 2, 3].map(() => [0, '']),
  )
  const { status } = await person.run(['whoami'])
  assert.is(status, 0)
})

test('token --refresh renews it', async () => {
  await logIn()
  const first = (await person.run(['token'])).stdout
  assert.is((await person.run(['token'])).stdout, first)
  const second = await person.run(['token', '--refresh'])
  assert.is(second.status, 0)
  assert.is.not(second.stdout, first)
})

test('a session that root revoked is over, and says so', async () => {
  await logIn()
  const { items } = JSON.parse((await root.run(['sessions', '--user', account.name, '--json'])).stdout)
  assert.is((await root.run(['sessions', 'revoke', items[0].id])).stdout, `ended ${items[0].id}\n`)
  assert.is((await person.run(['whoami'])).status, 77)
  assert.is((await person.run(['token', '--refresh'])).status, 77)
})

test('revoke-all --others leaves the session that asks', async () => {
  await logIn()
  await daemon.login(account.name, account.password)
  assert.is((await person.run(['sessions', 'revoke-all', '--others'])).stdout, 'ended 1 session\n')
  assert.is((await person.run(['whoami'])).status, 0)
})

test('what is not permitted ends with 77, what is not there with 1', async () => {
  await logIn()
  assert.is((await person.run(['sessions', '--everyone'])).status, 77)
  assert.is((await person.run(['sessions', 'revoke', 'AAAAAAAAAAAAAAAAAAAAAA'])).status, 1)
  assert.is((await person.run(['sessions', 'revoke', 'short'])).status, 64)
})

test('root too can use a login of its own with --http', async () => {
  const login = await root.run(['login', account.name, '--password-stdin'], `${account.password}\n`)
  assert.is(login.status, 0)
  assert.match(login.stderr, /hint: root's commands use root's own token/)
  assert.is(JSON.parse((await root.run(['whoami', '--http', '--json'])).stdout).user.name, account.name)
  assert.is(JSON.parse((await root.run(['whoami', '--json'])).stdout).user.name, 'root')
  assert.is((await root.run(['logout'])).status, 0)
  assert.is((await root.run(['whoami'])).status, 0)
})

test('reads a list to its end, page by page', async () => {
  const call = async () => daemon.login(account.name, account.password)
  await Promise.all([call(), call()])
  const pages = JSON.parse((await root.run(['call', 'session.list', 'everyone=true', 'limit=1', '--json'])).stdout)
  assert.ok(pages.next)
  const { items } = JSON.parse((await root.run(['sessions', '--everyone', '--json'])).stdout)
  assert.ok(items.length >= 3)
})

test('an operation of the link alone is called over root.sock alone', async () => {
  assert.is((await root.run(['call', 'session.resolve'])).status, 0)
  const { status, stderr } = await person.run(['call', 'session.resolve'])
  assert.is(status, 64)
  assert.match(stderr, /root\.sock only/)
})

test('call coerces by the table and prints the value as JSON', async () => {
  const { status, stdout } = await root.run(['call', 'access.check', 'permission=any.thing'])
  assert.is(status, 0)
  assert.is(JSON.parse(stdout).permission, 'any.thing')
  const login = await person.run(['call', 'login.begin', `user=${account.name}`, 'password=@-'], account.password)
  assert.is(JSON.parse(login.stdout).token_type, 'Bearer')
  assert.match((await root.run(['call', 'session.list', '--help'])).stdout, /everyone +boolean/)
  assert.match((await root.run(['call'])).stdout, /^session\.revoke_all +session +Ends/m)
})

test('config show names the places of values, config check the faults with their lines', async () => {
  assert.match((await root.run(['config', 'show'])).stdout, /^pam\.service .*server\.yml/m)
  assert.is((await root.run(['config', 'check', '--config', daemon.configFile])).status, 0)
  const faulty = join(daemon.directory, 'faulty.yml')
  writeFileSync(faulty, 'token:\n  access_seconds: soon\n', { mode: 0o600 })
  const { status, stdout } = await root.run(['config', 'check', '--config', faulty, '--json'])
  assert.is(status, 78)
  assert.ok(JSON.parse(stdout).faults.length > 0)
  assert.match((await root.run(['config', 'check', '--config', faulty])).stdout, /faulty\.yml:2/)
  rmSync(faulty)
})

test('config check refuses what a start would refuse, all of it at once', async () => {
  const faulty = join(daemon.directory, 'unserved.yml')
  writeFileSync(faulty, 'pam: { service: no-such-service }\ngate: { user: nosuch }\ndialects: all\n', { mode: 0o600 })
  const { status, stdout } = await root.run(['config', 'check', '--config', faulty, '--json'])
  assert.is(status, 78)
  const paths = (JSON.parse(stdout).faults as { path: string }[]).map(({ path }) => path)
  assert.equal(paths.sort(), ['dialects', 'gate.user', 'pam.service'])
  rmSync(faulty)
})

const usage: string[][] = [[], ['stauts'], ['status', 'x'], ['sessions', 'revoke'], ['ping', '--wait', 'x'], ['--nope']]
for (const words of [...usage, ['call', 'no.such'], ['call', 'status', 'x=1'], ['completion', 'tcsh'], ['help', 'x']]) {
  test(`postern ${words.join(' ')} is wrong usage`, async () => {
    const { status, stdout, stderr } = await root.run([...words, '--json'])
    assert.is(status, 64)
    assert.is(JSON.parse(stdout).code, 'usage')
    assert.match(stderr, /^postern: error: /m)
  })
}

test('a group of commands alone shows its own help', async () => {
  assert.match((await root.run(['config'])).stderr, /^Usage: postern config .*postern: error: expected a command\n$/s)
})

test('a mistyped command is met with a guess', async () => {
  assert.match((await root.run(['stauts'])).stderr, /hint: did you mean status\?/)
})

test('every command has help with examples', async () => {
  const { stdout } = await root.run(['completion', 'bash', '--json'])
  const stops: { path: string }[] = JSON.parse(stdout)
  const paths = stops.map(({ path }) => path).filter(path => !path.startsWith(' call '))
  const commands = paths.map(path => path.trim().split(' ').filter(Boolean))
  const ran = await Promise.all(commands.map(words => root.run([...words, '--help'])))
  for (const [at, { status, stdout: text }] of ran.entries()) {
    assert.is(status, 0, commands[at]?.join(' '))
    assert.match(text, /^Usage: postern/m)
    assert.match(text, /^Examples:$/m, commands[at]?.join(' '))
  }
})

test('a reader that has read enough is no fault', () => {
  const script = `{ "${process.execPath}" dist/postern.cjs completion bash; echo "status=$?" >&2; } | head -c 1`
  const { stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') })
  assert.match(stderr, /^status=0$/m)
  assert.not.match(stderr, /EPIPE|error/)
})

test('a daemon that is gone is not reached', async () => {
  await daemon.stop()
  const { status, stdout, stderr } = await root.run(['status', '--json'])
  assert.is(status, 69)
  assert.is(JSON.parse(stdout).code, 'unreachable')
  assert.match(stderr, /^postern: error: .*\npostern: hint: .*is it running\?/)
  assert.is((await person.run(['whoami'])).status, 69)
})

test('ping --wait ends as soon as the daemon is there', async () => {
  const waiting = Promise.all([root.run(['ping', '--wait', '20']), person.run(['ping', '--wait', '20'])])
  await daemon.start()
  for (const ran of await waiting) assert.equal(ran, { status: 0, stdout: 'pong\n', stderr: '' })
})

test.run()
