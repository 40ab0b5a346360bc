/** The command at another machine: its key is known before anything is sent, and the login is that machine's alone. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runOnTerminal, type Typing } from '../cli/pty.ts'
import { createPerson, type Person } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Certificate, createCertificate } from '../support/certificate.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { startNginx } from '../support/nginx.ts'
import type { FrontProxy } from '../support/proxy.ts'

interface Context {
  daemon: Daemon
  account: Account
  certificate: Certificate
  other: Certificate
  front: FrontProxy
  person: Person
  root: Person
  host: string
}

const test = suite<Context>('e2e/remote')
const program = join(import.meta.dirname, '../../dist/postern.cjs')

const blockFor = ({ url }: Daemon) => `location / { proxy_pass ${url}; proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; }`

const configOf = ({ name }: Account) => ({
  login: { allow: { users: [name] }, failure_delay_seconds: 0.5 },
  trusted_proxies: ['127.0.0.1'],
  insecure: { throttle_off: true },
})

test.before(async context => {
  context.account = await createAccount()
  context.daemon = await startDaemon({ config: configOf(context.account) })
  context.certificate = createCertificate()
  context.other = createCertificate()
  context.front = await startNginx(blockFor(context.daemon), context.certificate)
  context.host = `https://127.0.0.1:${context.front.port}`
})
test.after(async ({ daemon, account, certificate, other, front }) => {
  await front?.remove()
  await daemon?.remove()
  await account?.remove()
  certificate?.remove()
  other?.remove()
})
test.before.each(context => {
  // The runtime directory of this machine's own instance is not there: nothing may ask for it.
  context.person = createPerson(context.account.uid, '/nonexistent')
  context.root = createPerson(0, context.daemon.runtime)
})
test.after.each(({ person, root }) => {
  person.remove()
  root.remove()
})

const fileOf = ({ person }: Context, name: string) => join(person.stateHome, 'postern', name)
const logIn = ({ person, account, host, certificate }: Context, pin = certificate.pin) =>
  person.run(['login', '--host', host, '--fingerprint', pin, '--password-stdin'], `${account.password}\n`)

function onTerminal({ person, account }: Context, words: string, typing: readonly Typing[]): Promise<string> {
  const { stateHome } = person
  const env = { PATH: process.env.PATH ?? '', HOME: stateHome, XDG_STATE_HOME: stateHome }
  const as = `setpriv --reuid ${account.uid} --regid ${account.uid} --clear-groups`
  return runOnTerminal(`${as} ${process.execPath} ${program} ${words}; echo "status=$?"`, env, typing)
}

/** Runs `body` while the port shows another key; `asked` tells which requests came there. */
async function withOtherKey(context: Context, body: (asked: () => string) => Promise<void>): Promise<void> {
  const { port } = context.front
  await context.front.remove()
  const impostor = await startNginx(blockFor(context.daemon), context.other, port)
  try {
    await body(() => readFileSync(join(impostor.directory, 'access.log'), 'utf8'))
  } finally {
    await impostor.remove()
    context.front = await startNginx(blockFor(context.daemon), context.certificate, port)
  }
}

test('on a terminal, shows the fingerprint, asks, then asks what the machine asks', async context => {
  const { account, certificate, host } = context
  const shown = await onTerminal(context, `login --host ${host}`, [
    [/the fingerprint\) /, 'yes\r'],
    [/Password: /, `${account.password}\r`],
  ])
  assert.match(shown, /status=0/)
  assert.ok(shown.indexOf(certificate.pin) > 0 && shown.indexOf(certificate.pin) < shown.indexOf('Password:'), shown)
  assert.equal(JSON.parse(readFileSync(fileOf(context, 'hosts.json'), 'utf8')), { pins: { [host]: certificate.pin } })
  assert.equal(Object.keys(JSON.parse(readFileSync(fileOf(context, 'tokens.json'), 'utf8')).logins), [host])
  for (const name of ['hosts.json', 'tokens.json']) assert.is(statSync(fileOf(context, name)).mode & 0o777, 0o600)
  const again = await onTerminal(context, `login --host ${host}`, [[/Password: /, `${account.password}\r`]])
  assert.match(again, /status=0/)
  assert.not.match(again, /fingerprint/)
})

for (const answer of ['no', '', 'y', `SHA256:${'A'.repeat(43)}`]) {
  test(`the answer ${answer || 'nothing'} is no confirmation: nothing is asked, kept or sent`, async context => {
    const shown = await onTerminal(context, `login --host ${context.host}`, [[/the fingerprint\) /, `${answer}\r`]])
    assert.match(shown, /nothing was sent.*status=77/s)
    assert.not.match(shown, /Password/)
    assert.not.ok(existsSync(fileOf(context, 'hosts.json')))
  })
}

test('the fingerprint typed in is a yes', async context => {
  const shown = await onTerminal(context, `login --host ${context.host}`, [
    [/the fingerprint\) /, `${context.certificate.pin}\r`],
    [/Password: /, `${context.account.password}\r`],
  ])
  assert.match(shown, /status=0/)
})

test('without a terminal the fingerprint is needed, by option or environment', async context => {
  const { person, account, host, certificate } = context
  const words = ['login', '--host', host, '--password-stdin']
  const unknown = await person.run(words, account.password)
  assert.is(unknown.status, 77)
  assert.ok(unknown.stderr.includes(certificate.pin) && unknown.stderr.includes('nothing was sent'), unknown.stderr)
  const known = await person.run(words, account.password, { POSTERN_FINGERPRINT: certificate.pin })
  assert.is(known.status, 0, known.stderr)
  assert.is((await person.run(['whoami', '--host', host])).status, 0)
})

test('sends no password to a machine that shows another key than expected', async context => {
  const { person, host, other, certificate } = context
  const { status, stderr } = await logIn(context, other.pin)
  assert.is(status, 77)
  assert.ok(stderr.includes(other.pin) && stderr.includes(certificate.pin), stderr)
  assert.not.ok(existsSync(fileOf(context, 'hosts.json')))
  assert.is((await person.run(['whoami', '--host', host])).status, 77)
})

test('a changed key is refused with both fingerprints, by every command, until it is expected', async context => {
  const { person, host, certificate, other } = context
  assert.is((await logIn(context)).status, 0)
  await withOtherKey(context, async asked => {
    for (const words of [['whoami'], ['sessions'], ['logout'], ['ping'], ['token', '--refresh']]) {
      const { status, stderr } = await person.run([...words, '--host', host])
      assert.is(status, 77, words.join(' '))
      assert.ok(stderr.includes(certificate.pin) && stderr.includes(other.pin), stderr)
    }
    const login = await person.run(['login', '--host', host, '--password-stdin'], context.account.password)
    assert.is(login.status, 77)
    assert.match(login.stderr, /has changed/)
    const shown = await onTerminal(context, `login --host ${host}`, [])
    assert.match(shown, /has changed.*status=77/s)
    assert.is(asked(), '')
    assert.is((await logIn(context, other.pin)).status, 0)
    assert.is((await person.run(['whoami', '--host', host])).status, 0)
  })
  assert.is((await person.run(['whoami', '--host', host])).status, 77)
})

test('--insecure takes any key for one call, says so, and keeps none', async context => {
  const { person, host, account } = context
  const login = await person.run(['login', '--host', host, '--insecure', '--password-stdin'], account.password)
  assert.is(login.status, 0, login.stderr)
  assert.match(login.stderr, /warning: the key of https:.* is not checked/)
  assert.not.ok(existsSync(fileOf(context, 'hosts.json')))
  assert.is((await person.run(['whoami', '--host', host])).status, 77)
  assert.is((await person.run(['whoami', '--host', host, '--insecure'])).status, 0)
})

test('a certificate that an authority vouches for, with the right name, needs no pin; with another name it does', async context => {
  const { person, host, certificate, account } = context
  const env = { NODE_EXTRA_CA_CERTS: '/dev/null' }
  const words = (at: string) => ['login', '--host', at, '--password-stdin']
  assert.is((await person.run(words(host), account.password, env)).status, 77)
  const trusted = readFileSync(certificate.certificateFile)
  const file = join(person.stateHome, 'authority.pem')
  writeFileSync(file, trusted)
  const vouched = await person.run(words(host), account.password, { NODE_EXTRA_CA_CERTS: file })
  assert.is(vouched.status, 0, vouched.stderr)
  assert.match(vouched.stderr, /an authority of this machine vouches for the key/i)
  assert.ok(vouched.stderr.includes(certificate.pin), vouched.stderr)
  assert.not.ok(existsSync(fileOf(context, 'hosts.json')))
  const named = host.replace('127.0.0.1', 'localhost')
  const misnamed = await person.run(words(named), account.password, { NODE_EXTRA_CA_CERTS: file })
  assert.is(misnamed.status, 77)
  assert.match(misnamed.stderr, /is not known/)
})

test('whoami, sessions, call, token and logout work there', async context => {
  const { person, host, account, daemon } = context
  assert.is((await logIn(context)).status, 0)
  const at = { POSTERN_HOST: host }
  assert.is(JSON.parse((await person.run(['whoami', '--json'], '', at)).stdout).user.name, account.name)
  const token = (await person.run(['token', '--host', host])).stdout.trim()
  assert.is((await daemon.ask('/postern/v1/me', { token })).status, 200)
  const { items } = JSON.parse((await person.run(['sessions', '--json'], '', at)).stdout)
  assert.is(items.filter((item: { current: boolean }) => item.current).length, 1)
  assert.is((await person.run(['call', 'access.check', '--host', host])).status, 0)
  assert.is((await person.run(['ping', '--host', host])).stdout, 'pong\n')
  const fresh = (await person.run(['token', '--refresh'], '', at)).stdout.trim()
  assert.is.not(fresh, token)
  assert.is((await person.run(['logout'], '', at)).status, 0)
  assert.is((await daemon.ask('/postern/v1/me', { token: fresh })).status, 401)
  for (const command of ['whoami', 'token', 'logout']) {
    const refused = await person.run([command], '', at)
    assert.is(refused.status, 77)
    assert.ok(refused.stderr.includes(`hint: log in with: postern login --host ${host}\n`), refused.stderr)
  }
})

test('an access token that is over is renewed by the command that meets it, and the session goes on', async context => {
  const { person, host, account, daemon } = context
  const restart = async (more: object) => {
    await daemon.stop()
    daemon.configure({ ...configOf(account), ...more })
    await daemon.start()
  }
  const kept = () => JSON.parse(readFileSync(fileOf(context, 'tokens.json'), 'utf8')).logins[host]
  await restart({ token: { access_seconds: 5 } })
  try {
    assert.is((await logIn(context)).status, 0)
    const first = kept()
    const answer = async () => (await daemon.ask('/postern/v1/me', { token: first.access_token })).status
    assert.is(await answer(), 200)
    for (const endMs = performance.now() + 10_000; (await answer()) !== 401; ) {
      assert.ok(performance.now() < endMs, 'it is not over')
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    const { status, stdout, stderr } = await person.run(['whoami', '--json', '--host', host])
    assert.equal([status, stderr], [0, ''])
    assert.is(JSON.parse(stdout).user.name, account.name)
    const second = kept()
    assert.is.not(second.access_token, first.access_token)
    assert.is.not(second.refresh_token, first.refresh_token)
    assert.is(sessionOf(second), sessionOf(first))
  } finally {
    await restart({})
  }
})

const sessionOf = ({ access_token: token }: { access_token: string }) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid

test("root's token is never sent to a host: root logs in there like anybody else", async context => {
  const { root, host, certificate, account } = context
  const words = ['--host', host, '--fingerprint', certificate.pin]
  const stranger = await root.run(['whoami', ...words])
  assert.is(stranger.status, 77)
  const token = await root.run(['token', ...words])
  assert.equal([token.status, token.stdout], [77, ''])
  await root.run(['login', account.name, ...words, '--password-stdin'], account.password)
  assert.is(JSON.parse((await root.run(['whoami', '--json', ...words])).stdout).user.name, account.name)
  assert.is(JSON.parse((await root.run(['whoami', '--json'])).stdout).user.name, 'root')
})

test('a plain host is refused but for loopback', async ({ person }) => {
  for (const host of [
    'http://box:7640',
    'http://192.0.2.1',
    'http://127.0.0.1.example',
    'ftp://box',
    'http://u:pw@127.0.0.1',
  ]) {
    const { status, stderr } = await person.run(['login', '--host', host, '--password-stdin'], 'secret')
    assert.is(status, 64, stderr)
    assert.not.match(stderr, /pw/)
  }
})

test('loopback over HTTP is asked only where a program of the system or of oneself listens', async context => {
  const { person, account, daemon } = context
  assert.is((await person.run(['ping', '--host', daemon.url])).stdout, 'pong\n')
  const login = await person.run(['login', '--host', daemon.url, '--password-stdin'], account.password)
  assert.is(login.status, 0, login.stderr)
})

test('redirects are not followed, and what does not speak TLS is not talked to', async context => {
  const { person } = context
  let asked = 0
  const plain: Server = createServer((_request, response) => {
    asked += 1
    response.writeHead(307, { Location: `${context.daemon.url}/ping` }).end()
  })
  await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve))
  const { port } = plain.address() as AddressInfo
  try {
    const tls = await person.run(['ping', '--host', `127.0.0.1:${port}`])
    assert.is(tls.status, 70, tls.stderr)
    assert.is(asked, 0)
    assert.is.not((await person.run(['ping', '--host', `http://127.0.0.1:${port}`])).status, 0)
  } finally {
    plain.close()
  }
})

for (const words of [['url'], ['kiosk', '--browser', 'firefox'], ['config', 'check'], ['proxy-config', 'nginx']])
  test(`${words.join(' ')} is about the machine itself, and refuses another one`, async ({ person, host }) => {
    for (const ran of [
      await person.run([...words, '--host', host]),
      await person.run(words, '', { POSTERN_HOST: host }),
    ]) {
      assert.equal([ran.status, ran.stdout], [64, ''])
      assert.match(ran.stderr, /this machine.*\n.*hint: run it there/)
    }
  })

test('what a shell completes and what help says are the same for every machine', async ({ person, host }) => {
  assert.is((await person.run(['completion', 'bash'], '', { POSTERN_HOST: host })).status, 0)
  assert.is((await person.run(['help', 'exit-codes'], '', { POSTERN_HOST: host })).status, 0)
})

test('a host and a runtime directory exclude each other', async ({ root, host }) => {
  assert.is((await root.run(['whoami', '--host', host, '--runtime', '/x'])).status, 64)
  assert.is((await root.run(['whoami', '--insecure'])).status, 64)
  assert.is((await root.run(['whoami', '--host', host, '--fingerprint', 'SHA256:short'])).status, 64)
})

test.run()
