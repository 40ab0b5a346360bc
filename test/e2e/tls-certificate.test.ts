/** The certificate of HTTPS: what is shown of it, and how it is renewed, replaced and imported under open connections. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fingerprintOf } from '../../server/operations/fingerprint.ts'
import type { Daemon } from '../support/daemon.ts'
import { type SecureDaemon, startSecureDaemon, until } from './tls-drive.ts'

const run = promisify(execFile)
const test = suite<SecureDaemon>('e2e/tls-certificate')

test.before(async context => {
  Object.assign(context, await startSecureDaemon())
})
test.after(({ remove }) => remove?.())

test('the certificate says its fingerprint, and is the one that is served', async ({ daemon, shakeHands, shown }) => {
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

test('a renewal keeps the key, and the connections that are open', async ({ daemon, url, askSecurely, shakeHands }) => {
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

async function makePair(daemon: Daemon, name: string): Promise<{ certificate: string; key: string }> {
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

test('a certificate of the configuration is taken over by SIGHUP without dropping a connection', async ({
  daemon,
  configOf,
  shakeHands,
  shown,
}) => {
  const socket = await shakeHands({})
  const tls = await makePair(daemon, 'first.example')
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

test('a certificate of the configuration that is replaced is followed by itself', async ({ daemon, shown }) => {
  const next = await makePair(daemon, 'second.example')
  writeFileSync(join(daemon.directory, 'first.example.key'), readFileSync(next.key))
  writeFileSync(join(daemon.directory, 'first.example.pem'), readFileSync(next.certificate))
  await until(async () => String((await shown()).names) === 'second.example')
})

test('a certificate can be imported, and its key is in no trail and no log', async ({ daemon, restart, shown }) => {
  await restart({})
  const files = await makePair(daemon, 'imported.example')
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

test('a reload whose certificate cannot be had is refused whole: what was in force stays so', async ({
  daemon,
  configOf,
  shown,
}) => {
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

test.run()
