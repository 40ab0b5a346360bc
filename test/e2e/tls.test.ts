/** HTTPS as clients meet it: what it speaks, whom plain HTTP sends on, and a certificate that changes under open connections. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fingerprintOf } from '../../server/operations/fingerprint.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, freePort, startDaemon } from '../support/daemon.ts'
import { type Listening, listen as listenToEvents } from '../support/events.ts'
import { ask, type Reply } from '../support/http.ts'

const run = promisify(execFile)
const test = suite('e2e/tls')

let daemon: Daemon
let account: Account
let port = 0
let url = ''
/** The private instance's listeners, HTTPS among them. */
let listen: object[] = []

test.before(async () => {
  account = await createAccount()
  daemon = await startDaemon({ config: { login: { failure_delay_seconds: 0.5 } } })
  port = await freePort()
  url = `https://127.0.0.1:${port}`
  listen = [
    { unix: 'http.sock' },
    { address: '127.0.0.1', port: daemon.port },
    { address: '127.0.0.1', port, tls: true },
  ]
  await restart({})
})
test.after(async () => {
  await daemon?.remove()
  await account?.remove()
})

const configOf = (more: object) => ({
  listen,
  login: { failure_delay_seconds: 0.5, allow: { users: ['root', account.name] } },
  ...more,
})

async function restart(more: object): Promise<void> {
  await daemon.stop()
  daemon.configure(configOf(more))
  await daemon.start()
}

interface SecureAsk {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly agent?: Agent
}

/** Asks over HTTPS, whoever signed the certificate. */
function askSecurely(path: string, { method = 'GET', headers = {}, body, agent }: SecureAsk = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { method, headers, rejectUnauthorized: false, agent: agent ?? new Agent() }
    const outgoing = request(url + path, options, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', chunk => chunks.push(chunk))
      incoming.once('end', () => {
        const text = Buffer.concat(chunks).toString()
        const { statusCode: status = 0, headers: fields } = incoming
        resolve({ status, headers: fields, text, json: () => JSON.parse(text) as Record<string, unknown> })
      })
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

/** What a server says to bytes over a connection, until it closes it. */
async function sayPlainly(text: string, to = port): Promise<string> {
  const socket = connect(to, '127.0.0.1')
  let said = ''
  socket.on('data', chunk => {
    said += chunk
  })
  socket.write(text)
  await once(socket, 'close')
  return said
}

async function shakeHands(options: object): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  return socket
}

const shown = async () => (await askSecurely('/postern/v1/cert')).json()

test('the certificate says its fingerprint, and is the one that is served', async () => {
  const certificate = await shown()
  const socket = await shakeHands({})
  const peer = new X509Certificate(socket.getPeerCertificate().raw)
  assert.is(certificate.fingerprint, fingerprintOf(peer.publicKey.export({ type: 'spki', format: 'der' })))
  assert.is(certificate.certificate_sha256, peer.fingerprint256)
  assert.is(certificate.self_signed, true)
  socket.destroy()
  const line = `other machines: the certificate's fingerprint is ${certificate.fingerprint}`
  await until(async () => daemon.log().includes(line))
  assert.ok(
    (await daemon.ask('/login', { headers: { Accept: 'text/html' } })).text.includes(String(certificate.fingerprint)),
  )
})

test('TLS 1.2 and 1.3 are spoken, and HTTP/1.1 over them; older ones are not', async () => {
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

test('sslscan finds nothing to warn of but who signed the certificate', async () => {
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

test('a browser gets a cookie of the __Host- kind, and is known by it', async () => {
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

test('plain HTTP at the port of HTTPS is sent on, path and query too, and nothing that it sent is looked at', async () => {
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

test('a login link that came by plain HTTP is answered with no Location, and told to no other page', async () => {
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

test('a name that is not ours is named in the log too, at the port of HTTPS', async () => {
  assert.match(await sayPlainly('GET / HTTP/1.1\r\nHost: new-name.example\r\n\r\n'), /^HTTP\/1\.1 421 /)
  await until(async () => /new-name\.example/.test(daemon.log()))
})

test('a connection that is neither TLS nor HTTP is ended, and harms nobody', async () => {
  await sayPlainly('\x16\x03\x01\x00\x05nonsense and more of it')
  await sayPlainly('\x00\x01\x02\r\n\r\n')
  assert.is((await askSecurely('/ping')).status, 200)
})

test('HSTS is said only where the configuration wants it, and by HTTPS alone', async () => {
  assert.is((await askSecurely('/ping')).headers['strict-transport-security'], undefined)
  daemon.configure(configOf({ tls: { hsts_seconds: 600 } }))
  await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  assert.is((await askSecurely('/ping')).headers['strict-transport-security'], 'max-age=600')
  assert.is((await daemon.ask('/ping')).headers['strict-transport-security'], undefined)
})

test('a renewal keeps the key, and the connections that are open', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const before = (await askSecurely('/postern/v1/cert', { agent })).json()
  const renewed = await daemon.ask('/postern/v1/cert/renew', { method: 'POST', token: daemon.token() })
  assert.is(renewed.status, 200, renewed.text)
  assert.is(renewed.json().fingerprint, before.fingerprint)
  assert.is.not(renewed.json().certificate_sha256, before.certificate_sha256)
  let reused: boolean | null = null
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(`${url}/ping`, { agent, rejectUnauthorized: false }, incoming =>
      incoming.resume().once('end', resolve),
    )
    outgoing.once('error', reject)
    outgoing.once('socket', () => {
      reused = outgoing.reusedSocket
    })
    outgoing.end()
  })
  assert.is(reused, true)
  const socket = await shakeHands({})
  assert.is(socket.getPeerX509Certificate()?.fingerprint256, renewed.json().certificate_sha256)
  socket.destroy()
  agent.destroy()
})

async function makePair(name: string): Promise<{ certificate: string; key: string }> {
  const [certificate, key] = [join(daemon.directory, `${name}.pem`), join(daemon.directory, `${name}.key`)]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '9', '-subj', `/CN=${name}`]
  await run('openssl', [
    'req',
    '-x509',
    ...kind,
    '-addext',
    `subjectAltName=DNS:${name}`,
    '-keyout',
    key,
    '-out',
    certificate,
  ])
  return { certificate, key }
}

test('a certificate of the configuration is taken over by SIGHUP without dropping a connection', async () => {
  const socket = await shakeHands({})
  const tls = await makePair('first.example')
  daemon.configure(configOf({ tls }))
  daemon.process.kill('SIGHUP')
  await until(async () => String((await shown()).names) === 'first.example')
  const refused = await daemon.ask('/postern/v1/cert/renew', { method: 'POST', token: daemon.token() })
  assert.equal([refused.status, refused.json().code], [409, 'conflict'])
  socket.write(`GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /)
  socket.destroy()
})

test('a certificate of the configuration that is replaced is followed by itself', async () => {
  const next = await makePair('second.example')
  writeFileSync(join(daemon.directory, 'first.example.key'), readFileSync(next.key))
  writeFileSync(join(daemon.directory, 'first.example.pem'), readFileSync(next.certificate))
  await until(async () => String((await shown()).names) === 'second.example')
})

test('a certificate can be imported, and its key is in no trail and no log', async () => {
  await restart({})
  const files = await makePair('imported.example')
  const body = { certificate: readFileSync(files.certificate, 'utf8'), key: readFileSync(files.key, 'utf8') }
  const token = daemon.token()
  const refused = await daemon.ask('/postern/v1/cert', { method: 'PUT', body })
  assert.is(refused.status, 401)
  const reply = await daemon.ask('/postern/v1/cert', { method: 'PUT', body, token })
  assert.equal([reply.status, reply.json().names], [200, ['imported.example']], reply.text)
  assert.equal((await shown()).names, ['imported.example'])
  const [secret = ''] = body.key.split('\n').slice(1)
  const trail = readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8')
  assert.ok(trail.includes('cert.import'))
  for (const text of [trail, daemon.log(), reply.text]) assert.not(text.includes(secret))
})

test('a reload whose certificate cannot be had is refused whole: what was in force stays so', async () => {
  const [key, token] = [join(daemon.directory, 'state/tls/key.pem'), daemon.token()]
  const former = await shown()
  const reload = () => daemon.ask('/postern/v1/config/reload', { method: 'POST', token })
  const hasRole = async () => (await daemon.ask('/postern/v1/config', { token })).text.includes('added')
  daemon.configure(configOf({ roles: { added: { groups: [], permissions: ['status.read'] } } }))
  chmodSync(key, 0o644)
  const refused = await reload()
  assert.equal([refused.status, refused.json().code], [409, 'conflict'], refused.text)
  assert.match(String(refused.json().detail), /tls: .*key\.pem/)
  assert.is(await hasRole(), false)
  assert.equal(await shown(), former)
  chmodSync(key, 0o600)
  assert.is((await reload()).status, 200)
  assert.is(await hasRole(), true)
})

test('what cannot be written for others is said, and the configuration is in force all the same', async () => {
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

test('remote is switched by a drop-in of postern’s own, and the gate opens and closes without dropping others', async () => {
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
  const [idle, listening] = [await shakeHands({ port: 7643 }), await listenAt('wss://127.0.0.1:7643')]
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

test('plain HTTP where nothing speaks HTTPS is a fault of the configuration', async () => {
  daemon.configure({ listen: [{ address: '*', port: daemon.port }] })
  const reply = await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  assert.is(reply.status, 409)
  assert.match(reply.text, /plain HTTP is for loopback only/)
})

/** Events for root, whose token is good on this machine. */
function listenAt(url: string): Promise<Listening> {
  return listenToEvents(`${url}/postern/v1/events`, { token: daemon.token(), rejectUnauthorized: false })
}

async function ask7643(path: string): Promise<string> {
  const { stdout } = await run('curl', ['-sSk', '--max-time', '3', `https://127.0.0.1:7643${path}`])
  return stdout
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 8000; performance.now() < endMs; ) {
    if (await isSo()) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('it did not become so')
}

// The plain helper is for this machine's own listener.
test('this machine itself is served by plain HTTP', async () => {
  assert.is((await ask(`${daemon.url}/ping`)).text, 'pong')
})

test.run()
