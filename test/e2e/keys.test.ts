/** Signing keys of a running daemon: each algorithm, restarts, rotation in every gate, and files that are not as they must be. */
import { createHmac } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compactVerify, createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite('e2e keys')
let alice: Account
const daemons: Daemon[] = []
const secret = 'a secret of the test, which is longer than 32 bytes'

test.before(async () => {
  alice = await createAccount()
})
test.after.each(async () => {
  for (const daemon of daemons.splice(0)) await daemon.remove()
})
test.after(() => alice?.remove())

const base = () => ({ login: { allow: { users: [alice.name] }, failure_delay_seconds: 0.5 } })

async function start(config: Readonly<Record<string, unknown>> = {}, env: Readonly<Record<string, string>> = {}) {
  const daemon = await startDaemon({ config: { ...base(), ...config }, env })
  daemons.push(daemon)
  return daemon
}

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}

async function login(daemon: Daemon): Promise<Tokens> {
  const reply = await daemon.login(alice.name, alice.password)
  assert.is(reply.status, 200, reply.text)
  return reply.json() as unknown as Tokens
}

const jwks = async (daemon: Daemon) => (await daemon.ask('/.well-known/jwks.json')).json() as unknown as JSONWebKeySet
const statusFor = async (daemon: Daemon, token: string) => (await daemon.ask('/postern/v1/me', { token })).status
const refreshStatus = async (daemon: Daemon, token: string) =>
  (await daemon.ask('/postern/v1/refresh', { body: { refresh_token: token } })).status

for (const algorithm of ['EdDSA', 'ES256']) {
  test(`${algorithm}: a token is verified by another service with the published keys, and survives a restart`, async () => {
    const daemon = await start({ token: { algorithm } })
    const tokens = await login(daemon)
    assert.is(decodeProtectedHeader(tokens.access_token).alg, algorithm)
    await compactVerify(tokens.access_token, createLocalJWKSet(await jwks(daemon)))
    assert.not.match(JSON.stringify(await jwks(daemon)), '"d"')
    await daemon.stop()
    await daemon.start()
    assert.is(await statusFor(daemon, tokens.access_token), 200)
    assert.is(await refreshStatus(daemon, tokens.refresh_token), 200)
  })
}

test('HS256: the secret signs, nothing is published, and a token of another secret is refused', async () => {
  const daemon = await start({ token: { algorithm: 'HS256' }, jwt_secret: secret, gate: { workers: 2 } })
  const { access_token: token } = await login(daemon)
  assert.equal(await jwks(daemon), { keys: [] })
  const [header = '', claims = '', signature] = token.split('.')
  assert.is(decodeProtectedHeader(token).alg, 'HS256')
  assert.is(createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url'), signature)
  const forged = createHmac('sha256', 'x'.repeat(40)).update(`${header}.${claims}`).digest('base64url')
  assert.is(await statusFor(daemon, token), 200)
  assert.is(await statusFor(daemon, `${header}.${claims}.${forged}`), 401)
  await daemon.stop()
  await daemon.start()
  assert.is(await statusFor(daemon, token), 200)
})

test('HS256: what can be no token does not reach the keeper, which would end the gate for it', async () => {
  const daemon = await start({ token: { algorithm: 'HS256' }, jwt_secret: secret })
  const gates = async () =>
    (await daemon.ask('/postern/v1/status', { token: daemon.token() })).json().gates as { pid: number }[]
  const [before] = await gates()
  for (const token of ['a'.repeat(9000), `${'a'.repeat(4000)}.${'b'.repeat(4000)}.${'c'.repeat(4000)}`, 'a.b'])
    assert.is(await statusFor(daemon, token), 401)
  assert.is((await gates())[0]?.pid, before?.pid)
})

test('HS256: the secret from the environment is in no process that was started, and in no log', async () => {
  const daemon = await start({ token: { algorithm: 'HS256' } }, { POSTERN_JWT_SECRET: secret })
  const { access_token: token } = await login(daemon)
  const [header = '', claims = '', signature] = token.split('.')
  assert.is(createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url'), signature)
  const { pid } = daemon.process
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  assert.ok(children.length > 0)
  for (const child of children) {
    assert.not.match(readFileSync(`/proc/${child}/environ`, 'utf8'), secret)
    assert.not.match(readFileSync(`/proc/${child}/cmdline`, 'utf8'), secret)
  }
  assert.not.match(daemon.log(), secret)
  const shown = await daemon.ask('/postern/v1/config', { token: daemon.token() })
  assert.is(shown.status, 200)
  assert.not.match(shown.text, secret)
})

test('keys: ephemeral: a restart logs everybody out, refresh tokens and cookies too', async () => {
  const daemon = await start({ keys: 'ephemeral' })
  const tokens = await login(daemon)
  const headers = { Origin: daemon.url }
  const cookieLogin = await daemon.ask('/postern/v1/login', {
    ...{ headers, body: { user: alice.name, password: alice.password, cookie: true } },
  })
  const [cookie = ''] = (cookieLogin.headers['set-cookie']?.[0] ?? '').split(';')
  assert.equal(readdirSync(join(daemon.directory, 'state')).includes('keys'), false)
  assert.is((await daemon.ask('/postern/v1/me', { headers: { Cookie: cookie } })).status, 200)
  await daemon.stop()
  await daemon.start()
  assert.is(await statusFor(daemon, tokens.access_token), 401)
  assert.is(await refreshStatus(daemon, tokens.refresh_token), 401)
  assert.is((await daemon.ask('/postern/v1/me', { headers: { Cookie: cookie } })).status, 401)
  const { items } = (await daemon.ask('/postern/v1/sessions?everyone', { token: daemon.token() })).json()
  assert.is((items as unknown[]).length, 1)
})

test('a rotation: old and new tokens are good in every gate at once, and across a restart', async () => {
  const daemon = await start({ gate: { workers: 2 } })
  const former = await login(daemon)
  const before = await jwks(daemon)
  const rotated = (await daemon.ask('/postern/v1/signing/rotate', { token: daemon.token(), method: 'POST' })).json()
  assert.is(rotated.active, true)
  const next = await login(daemon)
  assert.is(decodeProtectedHeader(next.access_token).kid, rotated.kid)
  const everywhere = (token: string) => Promise.all(Array.from({ length: 16 }, () => statusFor(daemon, token)))
  assert.equal(
    new Set([...(await everywhere(former.access_token)), ...(await everywhere(next.access_token))]),
    new Set([200]),
  )
  const after = await jwks(daemon)
  assert.equal(after.keys.length, 2)
  assert.ok(after.keys.some(({ kid }) => kid === before.keys[0]?.kid))
  await daemon.stop()
  await daemon.start()
  assert.is(await statusFor(daemon, former.access_token), 200)
  assert.is(await statusFor(daemon, next.access_token), 200)
  const listed = (await daemon.ask('/postern/v1/signing', { token: daemon.token() })).json().items as {
    active: boolean
  }[]
  assert.equal(listed.map(({ active }) => active).sort(), [false, true])
})

test('while keys are rotated and people log in, no token that was handed out is refused', async () => {
  const daemon = await start({
    gate: { workers: 2 },
    insecure: { throttle_off: true },
    pam: { children_per_source: 8 },
  })
  const outcomes = new Set<number>()
  const people = Array.from({ length: 4 }, async () => {
    for (let round = 0; round < 3; round += 1) outcomes.add(await statusFor(daemon, (await login(daemon)).access_token))
  })
  const rotations = (async () => {
    for (let round = 0; round < 10; round += 1)
      await daemon.ask('/postern/v1/signing/rotate', { token: daemon.token(), method: 'POST' })
  })()
  await Promise.all([...people, rotations])
  assert.equal(outcomes, new Set([200]))
})

const keyFile = (daemon: Daemon) => {
  const directory = join(daemon.directory, 'state/keys')
  return join(directory, readdirSync(directory)[0] ?? '')
}

const faults: [name: string, spoil: (path: string) => void, expected: RegExp][] = [
  ['damaged', path => writeFileSync(path, `${readFileSync(path, 'utf8').slice(0, -20)}`), /is damaged/],
  ['readable by others', path => chmodSync(path, 0o644), /can be read or written by others/],
]
for (const [name, spoil, expected] of faults)
  test(`with a key file that is ${name} the daemon does not start, names it and quotes nothing of it`, async () => {
    const daemon = await start()
    await daemon.stop()
    const path = keyFile(daemon)
    const { d } = (JSON.parse(readFileSync(path, 'utf8')) as { jwk: { d: string } }).jwk
    spoil(path)
    let message = ''
    await daemon.start().catch(fault => {
      message = String(fault)
    })
    assert.match(message, expected)
    assert.match(message, path)
    assert.not.match(message, d.slice(0, 6))
  })

test('the issuer waits for a restart: changing it in a reload logs nobody out', async () => {
  const daemon = await start()
  const { access_token: token } = await login(daemon)
  daemon.configure({ ...base(), token: { issuer: 'https://other.example' } })
  const reply = await daemon.ask('/postern/v1/config/reload', { token: daemon.token(), method: 'POST' })
  assert.equal(reply.json(), { restart_needed: ['token.issuer'] })
  assert.is(await statusFor(daemon, token), 200)
  assert.is(await statusFor(daemon, daemon.token()), 200)
})

test.run()
