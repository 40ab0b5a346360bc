/** Another machine on a cable: what it reaches, over which family, and what changes when addresses and clocks do. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import qrcode from 'qrcode'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person, type Watched } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { boxAddresses, createNetwork, type Network } from '../support/network.ts'

interface Context {
  network: Network
  daemon: Daemon
  account: Account
  /** Root in the box, and an ordinary user of the other machine. */
  root: Person
  person: Person
  watched: Watched
}
const test = suite<Context>('e2e/tls-network')

const { ipv4, ipv6 } = boxAddresses
const listen = [{ unix: 'http.sock' }, { address: '127.0.0.1', port: 7640 }, { address: '::1', port: 7640 }]

test.after.each(async context => {
  await context.watched?.stop()
  context.person?.remove()
  context.root?.remove()
  await context.daemon?.remove()
  await context.account?.remove()
  context.network?.remove()
})

async function begin(
  context: Context,
  { families = {}, config = {}, env = {} }: { families?: object; config?: object; env?: Record<string, string> } = {},
): Promise<void> {
  context.network = createNetwork(families)
  context.daemon = await startDaemon({ network: context.network.box, config: { listen, remote: true, ...config }, env })
}

const certificateFile = ({ daemon }: Context) => join(daemon.directory, 'state/tls/certificate.pem')
const issueFile = ({ daemon }: Context) => join(daemon.directory, 'issue.d/run.issue')

/** Asks from the other machine, which trusts the certificate and nothing else: name and dates are checked too. */
function askTrusting(context: Context, url: string): string {
  return context.network.run('far', 'curl', '-sS', '--max-time', '5', '--cacert', certificateFile(context), url)
}

/** Status and fields of a request by plain HTTP. */
function askPlainly({ network }: Context, from: 'box' | 'far', url: string, ...more: string[]): string {
  return network.run(from, 'curl', '-sSi', '--max-time', '5', ...more, url)
}

async function until(isSo: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 10_000; performance.now() < endMs; ) {
    if (isSo()) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('it did not become so')
}

test('remote serves other machines over both families, by a certificate that names the addresses', async context => {
  await begin(context)
  assert.is(askTrusting(context, `https://${ipv4}:7643/ping`), 'pong')
  assert.is(askTrusting(context, `https://[${ipv6}]:7643/ping`), 'pong')
  assert.throws(() => askPlainly(context, 'far', `http://${ipv4}:7640/ping`), /Failed to connect|refused/)
})

test('the machine’s screen shows addresses, fingerprint and a QR code, and nothing secret', async context => {
  await begin(context)
  await until(() => existsSync(issueFile(context)))
  const issue = readFileSync(issueFile(context), 'utf8')
  const shown = JSON.parse(askTrusting(context, `https://${ipv4}:7643/postern/v1/cert`)) as { fingerprint: string }
  const url = `https://${ipv4}:7643/`
  for (const text of [url, `https://[${ipv6}]:7643/`, shown.fingerprint]) assert.ok(issue.includes(text), text)
  assert.ok(issue.includes(await qrcode.toString(url, { type: 'utf8', errorCorrectionLevel: 'L' })))
  assert.not(issue.includes(context.daemon.token()))
  await context.daemon.stop()
  assert.not(existsSync(issueFile(context)), 'nobody is there any more')
})

test('an address that comes while it runs is served, named by the certificate and shown', async context => {
  await begin(context)
  const fingerprint = () => JSON.parse(askTrusting(context, `https://${ipv4}:7643/postern/v1/cert`)).fingerprint
  const former = fingerprint()
  context.network.run('box', 'ip', 'address', 'add', '10.77.0.9/24', 'dev', 'cable')
  await until(() => /10\.77\.0\.9/.test(existsSync(issueFile(context)) ? readFileSync(issueFile(context), 'utf8') : ''))
  await until(() => {
    try {
      return askTrusting(context, 'https://10.77.0.9:7643/ping') === 'pong'
    } catch {
      return false
    }
  })
  assert.is(fingerprint(), former)
})

for (const { name, families, url, not } of [
  {
    name: 'IPv4 only, IPv6 switched off',
    families: { ipv6: false },
    url: `https://${ipv4}:7643/ping`,
    not: /::1.*left out/,
  },
  { name: 'IPv6 only', families: { ipv4: false }, url: `https://[${ipv6}]:7643/ping`, not: null },
]) {
  test(`a machine with ${name} is served`, async context => {
    await begin(context, { families })
    assert.is(askTrusting(context, url), 'pong')
    if (not !== null) assert.match(context.daemon.log(), not)
  })
}

for (const { name, years } of [
  { name: 'stands at 1970', years: -56 },
  { name: 'is eight years ahead', years: 8 },
]) {
  test(`a machine whose clock ${name} is served, and taken by clients whose clock is right`, async context => {
    const scratch = mkdtempSync(join(tmpdir(), 'postern-clock-'))
    const clock = join(scratch, 'clock.cjs')
    writeFileSync(clock, `const now = Date.now; Date.now = () => now() + ${years} * 365.25 * 86400e3\n`)
    try {
      await begin(context, { env: { NODE_OPTIONS: `--require ${clock}` } })
      assert.is(askTrusting(context, `https://${ipv4}:7643/ping`), 'pong')
      const dates = context.network.run('box', 'openssl', 'x509', '-noout', '-dates', '-in', certificateFile(context))
      assert.match(dates, years < 0 ? /notBefore=.* 19(69|70) / : /notAfter=.* 203/)
    } finally {
      rmSync(scratch, { recursive: true })
    }
  })
}

const all = [...listen, { address: '*', port: 7650 }]

test('plain HTTP sends other machines to HTTPS unread, and serves this one and trusted proxies', async context => {
  await begin(context, { config: { listen: all, trusted_proxies: ['fd77::2'] } })
  const moved = askPlainly(
    context,
    'far',
    `http://${ipv4}:7650/postern/v1/login?a=b`,
    '-d',
    '{"user":"root","password":"x"}',
  )
  assert.match(moved, /^HTTP\/1\.1 308 /)
  assert.match(moved, new RegExp(`^Location: https://${ipv4}:7643/postern/v1/login\\?a=b\r$`, 'm'))
  const header = `Authorization: Bearer ${context.daemon.token()}`
  assert.match(askPlainly(context, 'far', `http://${ipv4}:7650/postern/v1/check`, '-H', header), /^HTTP\/1\.1 308 /)
  const forged = [
    '-H',
    'X-Forwarded-Proto: https',
    '-H',
    'X-Forwarded-For: 127.0.0.1',
    '-H',
    'Forwarded: for=127.0.0.1',
  ]
  assert.match(askPlainly(context, 'far', `http://${ipv4}:7650/ping`, ...forged), /^HTTP\/1\.1 308 /)
  const waiting = ['-H', 'Expect: 100-continue', '-d', 'x']
  assert.not(/100 Continue/.test(askPlainly(context, 'far', `http://${ipv4}:7650/login`, ...waiting)))
  const upgrade = ['-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket']
  assert.match(askPlainly(context, 'far', `http://${ipv4}:7650/`, ...upgrade), /^HTTP\/1\.1 308 /)
  const handshake = [...upgrade, '-H', 'Sec-WebSocket-Version: 13', '-H', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
  const events = `http://${ipv4}:7650/postern/v1/events`
  assert.match(askPlainly(context, 'far', events, ...handshake, '-H', header), /^HTTP\/1\.1 400 .*"plain_http"/s)
  assert.match(askPlainly(context, 'far', `http://[${ipv6}]:7650/ping`), /^HTTP\/1\.1 200 /, 'a trusted proxy')
  assert.match(askPlainly(context, 'box', 'http://127.0.0.1:7650/ping'), /^HTTP\/1\.1 200 /)
  const trail = readFileSync(join(context.daemon.directory, 'log/audit.log'), 'utf8')
  assert.not(trail.includes('login.begin'), 'the password was not tried')
})

test('plain HTTP is a readable 400 where nothing speaks HTTPS', async context => {
  await begin(context, { config: { listen: all, remote: false, trusted_proxies: ['192.0.2.1'] } })
  const said = askPlainly(context, 'far', `http://${ipv4}:7650/ping`)
  assert.match(said, /^HTTP\/1\.1 400 /)
  assert.match(said, /"code":"plain_http"/)
  assert.match(said, /ask by https/)
})

/** A box where an account may log in, as an administrator, and people at both ends of the cable. */
async function beginWithPeople(context: Context, config: object = {}): Promise<void> {
  const account = await createAccount()
  context.account = account
  const allowed = { users: ['root', account.name] }
  const open = { login: { allow: allowed }, roles: { admin: allowed }, insecure: { throttle_off: true } }
  await begin(context, { config: { ...open, ...config } })
  const { network, daemon } = context
  context.root = createPerson(0, daemon.runtime, ['ip', 'netns', 'exec', network.box])
  context.person = createPerson(account.uid, '/nonexistent', ['ip', 'netns', 'exec', network.far])
}

for (const { family, host } of [
  { family: 'IPv4', host: `https://${ipv4}:7643` },
  { family: 'IPv6', host: `https://[${ipv6}]:7643` },
])
  test(`the command at another machine pins the key that cert show names, over ${family}, and a renewal keeps it`, async context => {
    await beginWithPeople(context)
    const { root, person, account } = context
    const at = ['--host', host]
    const { fingerprint } = JSON.parse((await root.run(['cert', 'show', '--json'])).stdout)
    const words = ['login', ...at, '--fingerprint', fingerprint, '--password-stdin']
    const login = await person.run(words, account.password)
    assert.is(login.status, 0, login.stderr)
    assert.match((await person.run(['whoami', ...at])).stdout, new RegExp(`^user +${account.name}$`, 'm'))
    context.watched = person.watch(['monitor', '--json', ...at])
    for (const endMs = performance.now() + 10_000; context.watched.lines().length === 0; ) {
      assert.ok(performance.now() < endMs, context.watched.errors())
      await root.run(['call', 'login.begin', `user=${account.name}`, 'password=@-'], account.password)
    }
    const heard = JSON.parse(await context.watched.line(/"session"/))
    assert.equal([heard.action, heard.user.name], ['began', account.name])
    const renewed = await root.run(['cert', 'renew', '--json'])
    assert.is(JSON.parse(renewed.stdout).fingerprint, fingerprint, renewed.stderr)
    const later = await person.run(['whoami', ...at])
    assert.equal([later.status, later.stderr], [0, ''])
  })

test('a fingerprint that is not the one of the box gets no password, and nothing is kept', async context => {
  await beginWithPeople(context)
  const { person, account, daemon } = context
  const wrong = `SHA256:${'A'.repeat(43)}`
  for (const address of [ipv4, `[${ipv6}]`]) {
    const words = ['login', '--host', address, '--fingerprint', wrong, '--password-stdin']
    const { status, stderr } = await person.run(words, account.password)
    assert.is(status, 77)
    assert.match(stderr, /shows the key SHA256:.* expected SHA256:A+; nothing was sent/)
  }
  assert.equal(readdirSync(person.stateHome), [])
  assert.not.match(readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8'), /login\.begin/)
})

test('remote on and off at another machine leave the systemd of this one alone, and say what to run there', async context => {
  await beginWithPeople(context, { listen: [...listen, { address: '*', port: 7650, tls: true }], remote: false })
  const { account, network, daemon } = context
  mkdirSync(join(daemon.directory, 'server.d'), { mode: 0o755 })
  const called = join(daemon.directory, 'called')
  writeFileSync(join(daemon.directory, 'systemctl'), `#!/bin/sh\necho "$@" >>${called}\n`, { mode: 0o755 })
  // Root of another machine, which systemd runs.
  const systemd = 'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec "$@"'
  const root = createPerson(0, '/run/postern', ['ip', 'netns', 'exec', network.far, 'sh', '-c', systemd, 'sh'])
  context.person.remove()
  context.person = root
  const host = `https://${ipv4}:7650`
  const { fingerprint } = JSON.parse((await context.root.run(['cert', '--json'])).stdout)
  const env = { PATH: `${daemon.directory}:${process.env.PATH}`, POSTERN_FINGERPRINT: fingerprint, POSTERN_HOST: host }
  const login = await root.run(['login', account.name, '--password-stdin'], account.password, env)
  assert.is(login.status, 0, login.stderr)
  for (const [word, command] of [
    ['on', 'systemctl enable postern-remote.socket'],
    ['off', 'systemctl disable --now postern-remote.socket'],
  ]) {
    const { status, stdout, stderr } = await root.run(['remote', String(word)], '', env)
    assert.is(status, 0, stderr)
    assert.ok(stderr.includes(`at ${host}`) && stderr.includes(`as root: ${command}\n`), stderr)
    assert.match(stdout, word === 'on' ? new RegExp(`^https://${ipv4}:7643/$`, 'm') : /not served/)
  }
  assert.not.ok(existsSync(called), 'systemctl was run')
})

test('remote off is answered to whoever it cuts', async context => {
  await beginWithPeople(context, { remote: false })
  const { root, person, account, daemon } = context
  mkdirSync(join(daemon.directory, 'server.d'), { mode: 0o755 })
  const on = await root.run(['remote', 'on', '--json'])
  const { fingerprint } = JSON.parse(on.stdout)
  const login = await person.run(
    ['login', '--host', ipv4, '--fingerprint', fingerprint, '--password-stdin'],
    account.password,
  )
  assert.is(login.status, 0, login.stderr)
  const off = await person.run(['remote', 'off', '--host', ipv4])
  assert.equal([off.status, off.stdout], [0, 'other machines are not served\n'], off.stderr)
  assert.is((await person.run(['ping', '--host', ipv4])).status, 69)
})

test.run()
