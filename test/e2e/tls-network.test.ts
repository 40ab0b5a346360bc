/** Another machine on a cable: what it reaches, over which family, and what changes when addresses and clocks do. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import qrcode from 'qrcode'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { boxAddresses, createNetwork, type Network } from '../support/network.ts'

interface Context {
  network: Network
  daemon: Daemon
}
const test = suite<Context>('e2e/tls-network')

const { ipv4, ipv6 } = boxAddresses
const listen = [{ unix: 'http.sock' }, { address: '127.0.0.1', port: 7640 }, { address: '::1', port: 7640 }]

test.after.each(async context => {
  await context.daemon?.remove()
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

test.run()
