/** HTTPS as clients meet it: what it speaks, whom plain HTTP sends on, and a gate for other machines that opens and closes. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Daemon } from '../support/daemon.ts'
import { type Listening, listen as listenToEvents } from '../support/events.ts'
import { ask } from '../support/http.ts'
import { type SecureDaemon, startSecureDaemon, until } from './tls-drive.ts'

const run = promisify(execFile)
const test = suite<SecureDaemon>('e2e/tls')

test.before(async context => {
  Object.assign(context, await startSecureDaemon())
})
test.after(({ remove }) => remove?.())

test('TLS 1.2 and 1.3 are spoken, and HTTP/1.1 over them; older ones are not', async ({ shakeHands }) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await shakeHands({ minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] })
    assert.equal([socket.getProtocol(), socket.alpnProtocol], [version, 'http/1.1'])
    socket.destroy()
  }
  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } as const
    assert.is(await shakeHands(options).catch(() => 'refused'), 'refused', version)
  }
})

test('sslscan finds nothing to warn of but who signed the certificate', async ({ port }) => {
  const { stdout } = await run('sslscan', ['--no-colour', `127.0.0.1:${port}`], { timeout: 60_000 })
  const enabled = [...stdout.matchAll(/^(\S+)\s+enabled$/gm)].map(([, name]) => name)
  assert.equal(enabled, ['TLSv1.2', 'TLSv1.3'])
  const ciphers = [...stdout.matchAll(/^(?:Preferred|Accepted)\s+\S+\s+\d+ bits\s+(\S+)/gm)].map(
    ([, name = '']) => name,
  )
  assert.ok(ciphers.length >= 5)
  for (const name of ciphers) assert.match(name, /^(TLS_(AES|CHACHA20)|ECDHE-.*(GCM|CHACHA20))/)
  assert.not(/\bvulnerable to heartbleed/.test(stdout.replaceAll('not vulnerable', '')), stdout)
  assert.match(stdout, /Session renegotiation not supported|Secure session renegotiation supported/)
  assert.not.match(stdout, /Compression enabled/)
  assert.match(stdout, /^Server supports TLS Fallback SCSV$/m)
  const groups = [...stdout.matchAll(/^TLSv1\.\d\s+\d+ bits\s+(\S+)/gm)].map(([, name]) => name)
  assert.ok(groups.length > 0)
  for (const name of groups) assert.match(name ?? '', /^(x25519|secp256r1|secp384r1)$/, stdout)
  assert.match(stdout, /^Signature Algorithm:\s+ecdsa-with-SHA256$/m)
  assert.match(stdout, /^ECC Curve Name:\s+prime256v1$/m)
})

test('a browser gets a cookie of the __Host- kind, and is known by it', async ({
  daemon,
  account,
  port,
  url,
  askSecurely,
}) => {
  const body = JSON.stringify({ user: account.name, password: account.password, cookie: true })
  const headers = { 'Content-Type': 'application/json', Origin: url }
  const reply = await askSecurely('/postern/v1/login', { method: 'POST', body, headers })
  assert.is(reply.status, 200, reply.text)
  const [cookie = ''] = reply.headers['set-cookie'] ?? []
  assert.match(cookie, new RegExp(`^__Host-postern-${port}=.*Secure`))
  const me = await askSecurely('/postern/v1/me', { headers: { Cookie: cookie.split(';', 1)[0] ?? '' } })
  assert.is(me.status, 200)
  // Browsers send it to every port of this name: another user may hold it.
  const asUid = (uid: number) => {
    const words = ['--reuid', String(uid), '--clear-groups', 'curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}']
    return run('setpriv', [...words, '-H', `Cookie: ${cookie.split(';', 1)[0]}`, `${url}/postern/v1/me`])
  }
  assert.equal([(await asUid(0)).stdout, (await asUid(account.uid)).stdout], ['200', '401'])
  const plain = await daemon.ask('/postern/v1/me', { headers: { Cookie: cookie.split(';', 1)[0] ?? '' } })
  assert.is(plain.status, 401, 'not without TLS')
})

test('plain HTTP at the port of HTTPS is sent on, path and query too, and nothing that it sent is looked at', async ({
  daemon,
  account,
  port,
  url,
  sayPlainly,
}) => {
  const credentials = JSON.stringify({ user: account.name, password: account.password })
  const head = `POST /postern/v1/login?x=1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${daemon.token()}\r\n`
  const rest = `Content-Type: application/json\r\nContent-Length: ${credentials.length}\r\n`
  const said = await sayPlainly(`${head}${rest}\r\n${credentials}`)
  assert.match(said, /^HTTP\/1\.1 308 /)
  assert.match(said, new RegExp(`^Location: ${url}/postern/v1/login\\?x=1\r$`, 'm'))
  assert.match(said, /^Connection: close\r$/m)
  // Whoever waits for a go-ahead is not given one: the password stays where it is.
  const waiting = await sayPlainly(`${head}${rest}Expect: 100-continue\r\n\r\n`)
  assert.match(waiting, /^HTTP\/1\.1 308 /)
  assert.not(waiting.includes('100 Continue'))
})

test('a login link that came by plain HTTP is answered with no Location, and told to no other page', async ({
  daemon,
  account,
  port,
  sayPlainly,
}) => {
  const body = { user: account.name }
  const { ticket } = (await daemon.ask('/postern/v1/tickets', { token: daemon.token(), body })).json()
  const said = await sayPlainly(
    `GET /login?token=${ticket} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/html\r\n\r\n`,
  )
  assert.match(said, /^HTTP\/1\.1 400 /)
  assert.match(said, /^Referrer-Policy: no-referrer\r$/im)
  assert.not.ok(said.includes(String(ticket)))
  const opened = await daemon.ask(`/login?token=${ticket}`, { headers: { Accept: 'text/html' } })
  assert.ok(opened.headers['set-cookie'])
})

test('a name that is not ours is named in the log too, at the port of HTTPS', async ({ daemon, sayPlainly }) => {
  assert.match(await sayPlainly('GET / HTTP/1.1\r\nHost: new-name.example\r\n\r\n'), /^HTTP\/1\.1 421 /)
  await until(async () => /new-name\.example/.test(daemon.log()))
})

test('a connection that is neither TLS nor HTTP is ended, and harms nobody', async ({ askSecurely, sayPlainly }) => {
  await sayPlainly('\x16\x03\x01\x00\x05nonsense and more of it')
  await sayPlainly('\x00\x01\x02\r\n\r\n')
  assert.is((await askSecurely('/ping')).status, 200)
})

test('HSTS is said only where the configuration wants it, and by HTTPS alone', async ({
  daemon,
  configOf,
  askSecurely,
}) => {
  assert.is((await askSecurely('/ping')).headers['strict-transport-security'], undefined)
  daemon.configure(configOf({ tls: { hsts_seconds: 600 } }))
  await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  assert.is((await askSecurely('/ping')).headers['strict-transport-security'], 'max-age=600')
  assert.is((await daemon.ask('/ping')).headers['strict-transport-security'], undefined)
})

test('what cannot be written for others is said, and the configuration is in force all the same', async ({
  daemon,
  configOf,
}) => {
  const folder = join(daemon.directory, 'issue.d')
  mkdirSync(folder)
  chmodSync(folder, 0o777)
  const reload = (more: object) => {
    daemon.configure(configOf(more))
    return daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  }
  const reply = await reload({ remote: true })
  assert.is(reply.status, 200, reply.text)
  assert.match(daemon.log(), new RegExp(`posternd: error: .*${folder}.*`))
  await until(async () => (await ask7643('/ping').catch(() => '')) === 'pong')
  chmodSync(folder, 0o755)
  const file = join(folder, 'run.issue')
  await until(async () => existsSync(file))
  assert.is((await reload({})).status, 200)
  assert.is(existsSync(file), false)
})

test('remote is switched by a drop-in of postern’s own, and the gate opens and closes without dropping others', async ({
  daemon,
  configOf,
  shakeHands,
}) => {
  const token = daemon.token()
  const turn = (on: boolean) => daemon.ask('/postern/v1/remote', { body: { on }, token })
  const nowhere = await turn(true)
  assert.equal([nowhere.status, nowhere.json().code], [409, 'conflict'])
  assert.match(String(nowhere.json().detail), /there is no directory .*server\.d/)
  mkdirSync(join(daemon.directory, 'server.d'), { mode: 0o755 })
  const file = join(daemon.directory, 'server.d/90-remote.yml')
  const former = await shakeHands({})
  const on = await turn(true)
  assert.equal([on.status, on.json().file], [200, file], on.text)
  const far = ask7643('/ping')
  assert.is(await far, 'pong')
  const [idle, listening] = [await shakeHands({ port: 7643 }), await listenAt(daemon, 'wss://127.0.0.1:7643')]
  const off = await turn(false)
  assert.equal([off.status, existsSync(file)], [200, false])
  await until(() =>
    ask7643('/ping').then(
      () => false,
      () => true,
    ),
  )
  former.write('GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  assert.match(String(await once(former, 'data')), /^HTTP\/1\.1 200 /)
  former.destroy()
  // Who is connected from elsewhere is so no more.
  assert.ok((await listening.closed()).ms < 3000)
  await until(async () => idle.destroyed)
  daemon.configure(configOf({ remote: true }))
  const pinned = await turn(false)
  assert.is(pinned.status, 409)
  assert.match(String(pinned.json().detail), /server\.yml says remote: true/)
})

test('plain HTTP where nothing speaks HTTPS is a fault of the configuration', async ({ daemon }) => {
  daemon.configure({ listen: [{ address: '*', port: daemon.port }] })
  const reply = await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  assert.is(reply.status, 409)
  assert.match(reply.text, /plain HTTP is for loopback only/)
})

/** Events for root, whose token is good on this machine. */
function listenAt(daemon: Daemon, url: string): Promise<Listening> {
  return listenToEvents(`${url}/postern/v1/events`, { token: daemon.token(), rejectUnauthorized: false })
}

async function ask7643(path: string): Promise<string> {
  const { stdout } = await run('curl', ['-sSk', '--max-time', '3', `https://127.0.0.1:7643${path}`])
  return stdout
}

// The plain helper is for this machine's own listener.
test('this machine itself is served by plain HTTP', async ({ daemon }) => {
  assert.is((await ask(`${daemon.url}/ping`)).text, 'pong')
})

test.run()
