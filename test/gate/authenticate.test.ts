/** Authentication at the gate: which token counts, what is remembered, and what a revoke does to requests on their way. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { IncomingMessage } from 'node:http'
import { createServer, type Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Authentication, Authenticator, type Credential, findCredential } from '../../server/gate/authenticate.ts'
import { KeeperLink } from '../../server/gate/keeper-link.ts'
import { Memory } from '../../server/gate/memory.ts'
import { createPeerLookup } from '../../server/gate/peer.ts'
import { createState } from '../../server/gate/state.ts'
import { Visit } from '../../server/gate/visit.ts'
import { SigningKeys } from '../../server/keeper/signing/keys.ts'
import { issueAccessToken } from '../../server/keeper/token/issue.ts'
import type { Answer, From, GateSettings } from '../../server/link/message.ts'
import { LinkServer } from '../../server/link/server.ts'
import { no, yes } from '../../server/operations/operation.ts'
import { createMovableClock } from '../keeper/session/movable-clock.ts'

/** A gate's parts with a keeper of the test's behind a real link. */
interface Context {
  directory: string
  server: Server
  link: LinkServer
  memory: Memory
  authenticator: Authenticator
  keeperLink: KeeperLink
  tokens: string[]
  /** What the keeper was asked, and what it answers. */
  asked: { token: string | null; from: From }[]
  answer(token: string | null): Promise<Answer>
  visit(headers: Record<string, string>, more?: Partial<Facts>): Visit
}

interface Facts {
  method: string
  /** The peer's uid, by the kernel; a promise is waited for. */
  uid: number | null | Promise<number | null>
  socket: Socket
}

const bound = (uid: number | null, localOnly = false) => ({
  current: {
    user: { id: '1', name: 'alice', realm: 'pam' },
    ...{ roles: [], permissions: [] },
    session: { id: 'A'.repeat(22) },
  },
  ...{ valid_ms: 60_000, bound_uid: uid, local_only: localOnly },
})

async function settings(keys: SigningKeys): Promise<GateSettings> {
  return {
    ...{
      listen: [],
      hostname: 'box',
      fqdn: null,
      hosts: [],
      trusted_proxies: [],
      tls: null,
      hsts_seconds: 0,
      kiosk_uid: null,
    },
    ...{ cookie_seconds: 60, issuer: 'postern', verify_at_keeper: false, log_level: 'info', version: '0' },
    jwks: JSON.parse(JSON.stringify(keys.jwks())) as GateSettings['jwks'],
  }
}

const clock = createMovableClock()
const keys = await SigningKeys.open({
  ...{ algorithm: 'EdDSA', directory: null, secret: null, overlapMs: 1, clock, random: randomBytes },
})
const foreignKeys = await SigningKeys.open({
  ...{ algorithm: 'EdDSA', directory: null, secret: null, overlapMs: 1, clock, random: randomBytes },
})

function issue(signing: SigningKeys): Promise<string> {
  const began = { wallMs: clock.wallMs(), boot: 'x', monotonicMs: 0 }
  const id = randomBytes(16).toString('base64url')
  const login = { id, identity: '1', kind: 'token', amr: ['pwd'], source: 'x', agent: null } as const
  const spans = { began, used: began, lifetimeMs: 1e6, idleMs: null }
  const session = { ...login, ...spans, boundUid: null, roleCap: null, audience: [] }
  const grant = { jti: id, session: id, issued: began, accessMs: 1e6, refreshHash: null, refreshMs: null, spent: null }
  const identity = { id: '1', realm: 'pam', name: 'alice', uid: 1000, groups: [] } as const
  return issueAccessToken({ session, identity, grant, issuer: 'postern' }, signing, clock)
}

const port = 7640

const test = suite<Context>('gate/authenticate')
test.before.each(async context => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-auth-'))
  const path = join(directory, 'keeper.sock')
  const asked: Context['asked'] = []
  const memory = new Memory()
  const state = createState(await settings(keys))
  Object.assign(context, {
    ...{
      directory,
      memory,
      asked,
      answer: async () => yes(bound(null)),
      tokens: [await issue(keys), await issue(keys)],
    },
    visit(
      headers: Record<string, string>,
      { method = 'GET', uid = 1000, socket = loopbackSocket() }: Partial<Facts> = {},
    ) {
      const incoming = new IncomingMessage(socket)
      incoming.method = method
      incoming.headers = { host: `127.0.0.1:${port}`, ...headers }
      incoming.rawHeaders = Object.entries(incoming.headers).flatMap(([name, value]) => [name, String(value)])
      const peers = { ...createPeerLookup(), find: async () => uid, known: () => undefined }
      const host = { hostname: '127.0.0.1', port, authority: `127.0.0.1:${port}` }
      const client = state.resolveClient({ remoteAddress: '127.0.0.1', viaUnix: false, tls: false }, incoming.headers)
      return new Visit(incoming, { host, client, peers, kioskUid: null })
    },
  })
  const server = createServer(socket => {
    context.link = new LinkServer(socket, {
      hello: async link => link.send({ type: 'settings', settings: await settings(keys) }),
      listening: () => {},
      knows: () => true,
      answer: request => {
        asked.push({ token: request.token, from: request.from })
        return context.answer(request.token)
      },
      closed: () => {},
    })
  }).listen(path)
  await once(server, 'listening')
  const isReady = new Promise<void>(resolve => {
    context.keeperLink = new KeeperLink({
      ...{ path, reached: () => {}, settings: () => resolve(), forget: what => memory.forget(what) },
    })
  })
  await isReady
  context.server = server
  context.authenticator = new Authenticator({ link: context.keeperLink, memory, state: () => state })
})
test.after.each(async context => {
  context.server.close()
  rmSync(context.directory, { recursive: true, force: true })
})

/** A socket that says that its peer is on loopback. */
function loopbackSocket(): Socket {
  return Object.defineProperty(new Socket(), 'remoteAddress', { value: '127.0.0.1' })
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (token: string) => ({ cookie: `postern-${port}=${token}` })
const outcome = (answer: Authentication) => (answer.ok ? 'ok' : answer.reason)
const tokenOf = (credential: Credential) =>
  'token' in credential ? `${credential.kind} ${credential.token}` : credential.kind

const credentials: [name: string, headers: Record<string, string>, expected: string][] = [
  ['nothing', {}, 'none'],
  ['a Bearer', bearer('a.b.c'), 'bearer a.b.c'],
  ['a Bearer in any case', { authorization: 'bEARER a.b.c' }, 'bearer a.b.c'],
  ['a cookie', cookie('a.b.c'), 'cookie a.b.c'],
  ['a Bearer before a cookie', { ...bearer('a.b.c'), ...cookie('d.e.f') }, 'bearer a.b.c'],
  ['another scheme beside a cookie', { authorization: 'Basic eDp5', ...cookie('d.e.f') }, 'cookie d.e.f'],
  ['a scheme that begins like Bearer', { authorization: 'Bearer-x y', ...cookie('d.e.f') }, 'cookie d.e.f'],
  ['an empty field beside a cookie', { authorization: '', ...cookie('d.e.f') }, 'cookie d.e.f'],
  ['a cookie of another port', { cookie: 'postern-7641=a.b.c' }, 'none'],
  ['a cookie twice', { cookie: `postern-${port}=a.b.c; postern-${port}=a.b.c` }, 'bad'],
  ['a cookie that is no token', { cookie: `postern-${port}=hello` }, 'bad'],
]
for (const [name, headers, expected] of credentials)
  test(`of ${name} it takes: ${expected}`, ({ visit }) => {
    assert.is(tokenOf(findCredential(visit(headers))), expected)
  })

const bad = [
  'Bearer',
  'Bearer ',
  'Bearer  a.b.c',
  'Bearer a b',
  'Bearer\ta.b.c',
  'Bearer a,b',
  'Bearer,a',
  ' Bearer a.b.c',
  'bearer=a',
]
for (const authorization of bad)
  test(`${JSON.stringify(authorization)} is bad, and the cookie beside it is not looked at`, ({ visit }) => {
    assert.is(findCredential(visit({ authorization, ...cookie('d.e.f') })).kind, 'bad')
  })

test('two Authorization fields are bad', ({ visit }) => {
  const twice = visit(bearer('a.b.c'))
  twice.incoming.rawHeaders.push('Authorization', 'Bearer d.e.f')
  assert.is(findCredential(twice).kind, 'bad')
})

test('a token is asked for once, and remembered', async ({ authenticator, visit, tokens, asked }) => {
  for (let round = 0; round < 3; round += 1)
    assert.is(outcome(await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))), 'ok')
  assert.is(asked.length, 1)
})

test('a refusal is not remembered', async context => {
  const { authenticator, visit, tokens, asked } = context
  context.answer = async () => no('unauthenticated')
  for (let round = 0; round < 2; round += 1)
    assert.is(outcome(await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))), 'unauthenticated')
  assert.is(asked.length, 2)
})

test('a token that nobody of ours signed does not reach the keeper', async ({ authenticator, visit, asked }) => {
  for (const token of ['rubbish', 'a.b.c', await issue(foreignKeys)])
    assert.is(outcome(await authenticator.authenticate(visit(bearer(token)))), 'unauthenticated')
  assert.equal(asked, [])
})

test('a bad Bearer beside a good cookie is refused', async ({ authenticator, visit, tokens }) => {
  const headers = { ...bearer(await issue(foreignKeys)), ...cookie(tokens[0] ?? '') }
  assert.is(outcome(await authenticator.authenticate(visit(headers))), 'unauthenticated')
})

test('what is remembered ends with its time', async context => {
  const { authenticator, visit, tokens, asked } = context
  context.answer = async () => yes({ ...bound(null), valid_ms: 0 })
  for (let round = 0; round < 2; round += 1) await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))
  assert.is(asked.length, 2)
})

const forgets: [name: string, what: Parameters<LinkServer['forget']>[0], asks: number][] = [
  ['its session', { session: 'A'.repeat(22) }, 2],
  ['its identity', { identity: '1' }, 2],
  ['everything', 'everything', 2],
  ['another session', { session: 'B'.repeat(22) }, 1],
  ['another identity', { identity: '2' }, 1],
]
for (const [name, what, asks] of forgets)
  test(`told to forget ${name}, it ${asks === 2 ? 'asks again' : 'goes on'}`, async context => {
    const { authenticator, visit, tokens, asked } = context
    await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))
    await context.link.forget(what)
    await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))
    assert.is(asked.length, asks)
  })

test('an answer that a revoke overtook counts no more: it is asked again', async context => {
  const { authenticator, visit, tokens } = context
  let rounds = 0
  context.answer = async () => {
    rounds += 1
    if (rounds > 1) return no('unauthenticated')
    // The revoke of that very session, confirmed before the answer that is still on its way.
    await context.link.forget({ session: 'A'.repeat(22) })
    return yes(bound(null))
  }
  assert.is(outcome(await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))), 'unauthenticated')
  assert.is(rounds, 2)
  assert.is(context.memory.find(tokens[0] ?? '', performance.now()), null)
})

test('a revoke while the kernel is asked for the uid is in force for that request', async context => {
  const { authenticator, visit, tokens, memory } = context
  context.answer = async () => yes(bound(1000))
  await authenticator.authenticate(visit(cookie(tokens[0] ?? '')))
  assert.ok(memory.find(tokens[0] ?? '', performance.now()))
  let tell: (uid: number) => void = () => {}
  const uid = new Promise<number>(resolve => {
    tell = resolve
  })
  const pending = authenticator.authenticate(visit(cookie(tokens[0] ?? ''), { uid }))
  context.answer = async () => no('unauthenticated')
  await context.link.forget({ session: 'A'.repeat(22) })
  tell(1000)
  assert.is(outcome(await pending), 'unauthenticated')
})

test('where revokes never end it says so', async context => {
  const { authenticator, visit, tokens } = context
  context.answer = async () => {
    await context.link.forget({ session: 'B'.repeat(22) })
    return yes(bound(null))
  }
  assert.is(outcome(await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))), 'busy')
})

const uids: [name: string, boundUid: number | null, uid: number | null, expected: string][] = [
  ['the uid that made it', 1000, 1000, 'ok'],
  ['another uid', 1000, 1001, 'unauthenticated'],
  ['root', 1000, 0, 'unauthenticated'],
  ['a peer that the kernel does not know', 1000, null, 'unauthenticated'],
  ['anybody, when it is bound to nobody', null, 1001, 'ok'],
]
for (const [name, boundUid, uid, expected] of uids)
  test(`a session bound to ${boundUid} is ${expected} for ${name}, remembered or not`, async context => {
    const { authenticator, visit, tokens } = context
    context.answer = async () => yes(bound(boundUid))
    for (let round = 0; round < 2; round += 1)
      assert.is(outcome(await authenticator.authenticate(visit(cookie(tokens[0] ?? ''), { uid }))), expected)
  })

const locals: [name: string, headers: Record<string, string>, uid: number, expected: string][] = [
  ['a person at this machine', {}, 1000, 'ok'],
  ['root', {}, 0, 'ok'],
  ['a system account', {}, 33, 'unauthenticated'],
  ['a proxy that says so', { 'x-forwarded-for': '127.0.0.1' }, 1000, 'unauthenticated'],
  ['a proxy that says so by an empty field', { via: '' }, 1000, 'unauthenticated'],
]
for (const [name, headers, uid, expected] of locals)
  test(`root’s token is ${expected} for ${name}, remembered or not`, async context => {
    const { authenticator, visit, tokens } = context
    context.answer = async () => yes(bound(null, true))
    for (let round = 0; round < 2; round += 1) {
      const asked = visit({ ...bearer(tokens[0] ?? ''), ...headers }, { uid })
      assert.is(outcome(await authenticator.authenticate(asked)), expected)
    }
  })

const origins: [name: string, method: string, headers: Record<string, string>, expected: string][] = [
  ['a cookie that changes something, from nowhere', 'POST', {}, 'origin_foreign'],
  ['a cookie that changes something, from here', 'POST', { 'sec-fetch-site': 'same-origin' }, 'ok'],
  ['a cookie that changes something, from another port', 'DELETE', { 'sec-fetch-site': 'same-site' }, 'origin_foreign'],
  ['a cookie that changes something, from our Origin', 'PUT', { origin: `http://127.0.0.1:${port}` }, 'ok'],
  ['a cookie that reads', 'GET', {}, 'ok'],
]
for (const [name, method, headers, expected] of origins)
  test(`${name}: ${expected}`, async ({ authenticator, visit, tokens }) => {
    const asked = visit({ ...cookie(tokens[0] ?? ''), ...headers }, { method })
    assert.is(outcome(await authenticator.authenticate(asked)), expected)
  })

test('a Bearer that changes something needs no Origin: no page can send one unasked', async ({
  authenticator,
  visit,
  tokens,
}) => {
  const asked = visit({ ...bearer(tokens[0] ?? ''), origin: 'http://evil.example' }, { method: 'POST' })
  assert.is(outcome(await authenticator.authenticate(asked)), 'ok')
})

test('when the link is lost everything is forgotten, and nobody is let in', async context => {
  const { authenticator, visit, tokens, memory, server } = context
  await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))
  server.close()
  context.link.end(null)
  while (context.keeperLink.isUp) await new Promise(resolve => setImmediate(resolve))
  assert.is(memory.find(tokens[0] ?? '', performance.now()), null)
  assert.is(outcome(await authenticator.authenticate(visit(bearer(tokens[0] ?? '')))), 'unavailable')
})

test('no more than 10,000 tokens are remembered', ({ memory }) => {
  const told = bound(null) as unknown as Parameters<Memory['remember']>[1]
  for (let at = 0; at < 10_500; at += 1) memory.remember(`token ${at}`, told, 0)
  const kept = Array.from({ length: 10_500 }, (_, at) => memory.find(`token ${at}`, 1)).filter(Boolean)
  assert.is(kept.length, 10_000)
  assert.ok(memory.find('token 10499', 1))
})

test.run()
// A gate looks for its keeper for ever; the tests are over when their outcome is known.
setInterval(() => process.exitCode !== undefined && process.exit(), 20)
