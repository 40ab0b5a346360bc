/** An owned gate, with every trick short of brute force: forged identities, tokens that are not good, guesses from everywhere. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { CompactSign, decodeJwt, decodeProtectedHeader } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { table } from '../../server/operations/table.ts'
import { version } from '../../server/operations/version.ts'
import { type Account, createAccount, UNIX_RULES } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { EvilLink, from } from './evil/link.ts'
import { type Relay, startRelay } from './evil/relay.ts'
import { names, sampleInput } from './evil/sample.ts'

const test = suite('e2e/evil-gate')

const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postern'], { encoding: 'utf8' }))
const gateUser = { uid: idOf('-u'), gid: idOf('-g') }

let daemon: Daemon
let relay: Relay
let directory = ''
/** Came by the gate; has no role. */
let visitor: Account
/** Never came by: what the gate is after. */
let victim: Account
let visitorToken = ''
let visitorRefresh = ''
let expired = ''
let ended = ''

test.before(async () => {
  visitor = await createAccount()
  victim = await createAccount()
  directory = mkdtempSync(join(tmpdir(), 'postern-evil-'))
  // Counts what PAM is really asked, beside everything that the keeper says of itself.
  writeFileSync(join(directory, 'count'), `#!/bin/sh\necho "$PAM_USER" >>${directory}/asked\n`)
  chmodSync(join(directory, 'count'), 0o755)
  daemon = await startDaemon({
    config: {
      login: { failure_delay_seconds: 0.5, allow: { users: ['root', visitor.name, victim.name] } },
      roles: { admin: { users: ['root'] } },
    },
    pam: [`auth optional pam_exec.so quiet ${directory}/count`, ...UNIX_RULES],
  })
  relay = await startRelay(`${daemon.runtime}/keeper.sock`, gateUser)
  expired = String((await signIn({ expires_seconds: 1 })).access_token)
  const gone = String((await signIn()).access_token)
  await daemon.ask('/postern/v1/logout', { method: 'POST', token: gone })
  ended = gone
  const tokens = await signIn()
  visitorToken = String(tokens.access_token)
  visitorRefresh = String(tokens.refresh_token)
})

test.after(async () => {
  await relay?.remove()
  await daemon?.remove()
  await visitor?.remove()
  await victim?.remove()
  rmSync(directory, { recursive: true, force: true })
})

async function signIn(more: object = {}): Promise<Record<string, unknown>> {
  const reply = await daemon.login(visitor.name, visitor.password, more)
  assert.is(reply.status, 200, reply.text)
  return reply.json()
}

const openLink = async () => new EvilLink(await relay.connect()).greet()

/** Waits until the keeper has written that to its log, after the first `from` characters. */
async function logged(line: RegExp, from = 0): Promise<void> {
  const deadlineMs = performance.now() + 3000
  while (!line.test(daemon.log().slice(from))) {
    assert.ok(performance.now() < deadlineMs, `no ${line} in the log`)
    await wait(10)
  }
}

const sampleFor = (name: (typeof names)[number]) =>
  sampleInput(name, {
    user: victim.name,
    password: 'a guess',
    id: 'A'.repeat(22),
    permission: 'status.read',
    source: 'ip:192.0.2.9',
    account: victim.name,
    conversation: 'A'.repeat(22),
    refresh_token: 'A'.repeat(43),
    expires_seconds: 60,
    since: '00000000-1',
  })

test('nobody but the gate’s user gets an answer at keeper.sock, root neither', async () => {
  const path = join(daemon.runtime, 'keeper.sock')
  const link = await new EvilLink(connect(path)).greet()
  assert.ok(link.isEnded)
  assert.not(link.isGreeted)
  const script = `require('net').connect(${JSON.stringify(path)}).on('error', e => console.log(e.code)).on('connect', () => console.log('connected'))`
  const nobody = spawnSync(process.execPath, ['-e', script], { uid: 65_534, gid: 65_534, encoding: 'utf8' })
  assert.match(nobody.stdout, 'EACCES')
})

/** A program that runs as the gate's user, has connected, and stays. */
const connected = (then: string) =>
  `const socket = require('net').connect(${JSON.stringify(join(daemon.runtime, 'keeper.sock'))}, () => { ${then} })
   socket.on('error', () => {}); setInterval(() => {}, 1000)`

test('a gate that breaks a rule is killed, and its neighbour is not', async () => {
  const neighbour = await openLink()
  const bad = spawn(process.execPath, ['-e', connected('socket.write(Buffer.alloc(4, 255))')], gateUser)
  const timer = setTimeout(() => bad.kill('SIGTERM'), 5000)
  assert.equal(await once(bad, 'exit'), [null, 'SIGKILL'])
  clearTimeout(timer)
  await logged(new RegExp(`"pid":${bad.pid},"violation":"frame of 4294967295 bytes`))
  assert.is((await neighbour.ask('access.check', {}, null))?.ok, false)
  await neighbour.finish()
})

test('a gate has no more than 64 links, and those it has go on', async () => {
  const links = await Promise.all(Array.from({ length: 63 }, openLink))
  assert.ok(links.every(link => link.isGreeted))
  const more = await openLink()
  assert.equal([more.isGreeted, more.isEnded], [false, true])
  await links[0]?.finish()
  const next = await openLink()
  assert.ok(next.isGreeted)
  await Promise.all([next, ...links].map(link => link.finish()))
})

test('whoever connected as the gate’s user and is somebody else by now is not killed', async () => {
  const script = `
    process.setegid(${gateUser.gid}); process.seteuid(${gateUser.uid})
    const socket = require('net').connect(${JSON.stringify(join(daemon.runtime, 'keeper.sock'))})
    process.seteuid(0)
    socket.on('connect', () => socket.write(Buffer.alloc(4, 255)))
    socket.on('close', () => console.log('alive'))`
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 5000 })
  assert.equal([child.signal, child.stdout], [null, 'alive\n'], child.stderr)
})

for (const operation of ['', 'root.token', 'session', 'STATUS', 'status ', '__proto__', 'constructor', 'toString'])
  test(`there is no operation ${JSON.stringify(operation)}`, async () => {
    const link = await openLink()
    assert.is(await link.ask(operation, {}, visitorToken), null)
    await link.ended()
  })

test('says nothing before hello, and hello once', async () => {
  const hello = { type: 'hello', version }
  const cases: [messages: object[], violation: RegExp][] = [
    [[{ type: 'request', id: 1, operation: 'status', input: {}, token: null, from }], /an operation that there is not/],
    [[{ type: 'listening', listeners: [] }], /listeners before its hello/],
    [[{ ...hello, version: '0.0.0' }], /hello of version 0\.0\.0,/],
    [[hello, hello], /hello of version .*, once/],
  ]
  for (const [messages, violation] of cases) {
    const before = daemon.log().length
    const link = new EvilLink(await relay.connect())
    for (const message of messages) link.say(message)
    await logged(violation, before)
    await link.ended()
    assert.is(link.answers.size, 0)
  }
})

test('a stream is opened by what it was asked with alone: a ticket or handle that is nobody’s is not made good by a token', async () => {
  const link = await openLink()
  for (const input of [{ handle: 'h'.repeat(43) }, { ticket: 't'.repeat(43) }]) {
    const answer = await link.ask('event.subscribe', input, visitorToken)
    assert.equal(answer?.ok === false && answer.reason, 'unauthenticated', JSON.stringify(input))
  }
  assert.is((await link.ask('event.subscribe', {}, visitorToken))?.ok, true)
  await link.finish()
})

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** Tokens that root would be let in with, were they good. */
async function forgedTokens(): Promise<Record<string, string | null>> {
  const root = daemon.token()
  const [rootHeader, rootClaims] = [decodeProtectedHeader(root), decodeJwt(root)]
  const [header = '', claims = '', signature = ''] = visitorToken.split('.')
  const foreign = generateKeyPairSync('ed25519').privateKey
  const { keys } = (await daemon.ask('/.well-known/jwks.json')).json() as { keys: { x: string }[] }
  const payload = Buffer.from(JSON.stringify(rootClaims))
  const sign = (alg: string, key: Parameters<CompactSign['sign']>[0], more: object = {}) =>
    new CompactSign(payload).setProtectedHeader({ ...rootHeader, alg, ...more }).sign(key)
  return {
    missing: null,
    empty: '',
    'of an ended session': ended,
    expired,
    'signed by another key': await sign('EdDSA', foreign),
    'of an unknown key': await sign('EdDSA', foreign, { kid: 'mine' }),
    'signed with the public key as a secret': await sign('HS256', Buffer.from(keys[0]?.x ?? '', 'base64url')),
    'without signature': `${encode({ ...rootHeader, alg: 'none' })}.${encode(rootClaims)}.`,
    'with the signature cut off': root.slice(0, root.lastIndexOf('.') + 1),
    'of the visitor with root’s claims': `${header}.${encode(rootClaims)}.${signature}`,
    'of the visitor with root’s subject': `${header}.${encode({ ...decodeJwt(visitorToken), sub: rootClaims.sub })}.${signature}`,
    'of the visitor with another type': `${encode({ ...decodeProtectedHeader(visitorToken), typ: 'JWT' })}.${claims}.${signature}`,
    'that is a refresh token': visitorRefresh,
  }
}

test('no operation takes a token that is not good, whatever stands beside it', async () => {
  // The token of one second has ended by the clock of the keeper.
  while ((await daemon.ask('/postern/v1/me', { token: expired })).status === 200);
  const link = await openLink()
  const forged = { source: 'root', local: true, uid: 0, secure: true, agent: 'postern' }
  for (const [kind, token] of Object.entries(await forgedTokens()))
    for (const name of names) {
      if (table[name].access === 'public') continue
      for (const input of [sampleFor(name), { ...sampleFor(name), identity: '1', user: 'root', roles: ['admin'] }]) {
        const answer = await link.ask(name, input, token, { from: forged })
        assert.is(answer?.ok === false && answer.reason, 'unauthenticated', `${name} with a token ${kind}`)
      }
    }
  await link.finish()
})

test('a token without permission has none, whatever the gate says of it', async () => {
  const link = await openLink()
  const forged = { source: 'root', local: true, uid: 0, secure: true, agent: 'postern' }
  for (const name of names) {
    const { access } = table[name]
    if (access === 'public') continue
    const strange = { ...sampleFor(name), identity: '1', roles: ['admin'], permissions: ['*'] }
    const asked = await link.ask(name, strange, visitorToken, { from: forged })
    assert.is(asked?.ok === false && asked.reason, typeof access === 'object' ? 'forbidden' : 'invalid_input', name)
  }
  await link.finish()
})

test('what gates say of their listeners does not outgrow the status', async () => {
  const links = await Promise.all(Array.from({ length: 16 }, openLink))
  for (const [gate, link] of links.entries()) {
    const listeners = Array.from({ length: 64 }, (_, n) => `${gate} ${n} `.padEnd(256, '\0'))
    link.say({ type: 'listening', listeners })
    await link.ask('access.check', {}, null)
  }
  const reply = await daemon.ask('/postern/v1/status', { token: daemon.token() })
  assert.is(reply.status, 200, reply.text)
  assert.is((reply.json().gates as object[]).length, 17)
  await Promise.all(links.map(link => link.finish()))
})

test('a refusal does not send back all that was sent', async () => {
  const link = await openLink()
  const answer = await link.ask('login.begin', { user: 'x', ['x'.repeat(900_000)]: 1 }, null)
  assert.is(answer?.ok === false && answer.reason, 'invalid_input')
  assert.ok(JSON.stringify(answer).length < 1000)
  await link.finish()
})

const others: { whose: string; operation: string; input: () => object; reason: string }[] = [
  { whose: 'everybody’s', operation: 'session.list', input: () => ({ everyone: true }), reason: 'forbidden' },
  { whose: 'root’s', operation: 'session.list', input: () => ({ user: 'root' }), reason: 'forbidden' },
  {
    whose: 'root’s',
    operation: 'session.revoke',
    input: () => ({ id: String(decodeJwt(daemon.token()).sid) }),
    reason: 'not_found',
  },
  { whose: 'nobody’s', operation: 'session.revoke', input: () => ({ id: 'A'.repeat(22) }), reason: 'not_found' },
  { whose: 'root’s', operation: 'session.revoke_all', input: () => ({ user: 'root' }), reason: 'forbidden' },
  {
    whose: 'an administrator’s',
    operation: 'access.check',
    input: () => ({ permission: 'session.manage' }),
    reason: 'forbidden',
  },
]

for (const { whose, operation, input, reason } of others)
  test(`${operation} for what is ${whose} is ${reason}`, async () => {
    const link = await openLink()
    const answer = await link.ask(operation, input(), visitorToken)
    assert.is(answer?.ok === false && answer.reason, reason)
    await link.finish()
  })

test('root’s token is nobody’s but root’s: it is not told, and its session goes on', async () => {
  assert.is((await daemon.ask('/postern/v1/me', { token: daemon.token() })).status, 200)
})

test('a public operation gives nothing away for what was not proved', async () => {
  const link = await openLink()
  const asked = [
    link.ask('login.begin', { user: victim.name, password: '' }, null),
    link.ask('login.begin', { user: 'root', password: 'root' }, visitorToken, {
      from: { ...from, uid: 0, local: true },
    }),
    link.ask('login.answer', { conversation: 'A'.repeat(22), answers: [victim.password] }, visitorToken),
    link.ask('login.refresh', { refresh_token: visitorToken }, null),
    link.ask('login.refresh', { refresh_token: 'A'.repeat(43) }, daemon.token()),
  ]
  for (const answer of await Promise.all(asked)) assert.is(answer?.ok, false)
  await link.finish()
})

test('with a forged source for each guess it has a bounded number of guesses at an account', async () => {
  const file = join(directory, 'asked')
  const guesses = () =>
    (existsSync(file) ? readFileSync(file, 'utf8') : '').split('\n').filter(name => name.toLowerCase() === victim.name)
  rmSync(file, { force: true })
  const links = await Promise.all(Array.from({ length: 8 }, openLink))
  const beginMs = performance.now()
  let sent = 0
  let yes = 0
  const guess = async (link: EvilLink) => {
    while (!link.isEnded) {
      sent += 1
      const source = `10.${sent >> 16}.${(sent >> 8) & 255}.${sent & 255}`
      const forged = { from: { ...from, source, local: sent % 2 === 0, uid: sent % 3 === 0 ? sent : null } }
      const user = sent % 5 === 0 ? victim.name.toUpperCase() : victim.name
      const answer = await link.ask('login.begin', { user, password: `guess ${sent}` }, null, forged)
      if (answer?.ok) yes += 1
    }
  }
  // Those that wait for their turn by then are given up.
  setTimeout(() => links.forEach(link => void link.finish()), 6000)
  // Several at once on each link, as a gate would.
  await Promise.all(links.flatMap(link => Array.from({ length: 6 }, () => guess(link))))
  const asked = guesses().length
  const elapsed = (performance.now() - beginMs) / 1000
  assert.is(yes, 0)
  assert.ok(sent > 100, `${sent} sent`)
  // Ten at once, then one every two seconds.
  assert.ok(asked >= 5 && asked <= 10 + Math.ceil(elapsed / 2), `${asked} guesses of ${sent} in ${elapsed} s`)
})

test('the word that means root.sock is not a gate’s to say: no session and no line of the trail has it', async () => {
  const link = await openLink()
  const forged = { from: { ...from, source: 'root', local: true, uid: 0 } }
  const login = { user: visitor.name, password: visitor.password }
  const answer = await link.ask('login.begin', login, null, forged)
  assert.ok(answer?.ok)
  const { session, access_token: token } = answer.value as { session: { source: string }; access_token: string }
  assert.is(session.source, 'unknown')
  await link.ask('login.begin', { ...login, password: 'wrong' }, null, forged)
  await link.ask('session.end', {}, token, forged)
  await link.finish()
  assert.not(trail().some(({ source }) => source === 'root'))
  assert.equal([trail().at(-1)?.event, trail().at(-1)?.source], ['session.end', 'unknown'])
})

const trail = () =>
  readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { event: string; user?: string; outcome: string; source?: string })

test('the trail tells of none of it as done', () => {
  const records = trail()
  const done = records.filter(({ outcome, event }) => outcome === 'ok' && !event.startsWith('audit.'))
  for (const { event, user } of done)
    assert.ok(user === visitor.name && ['login.begin', 'session.end'].includes(event), `${event} by ${user}`)
  assert.not.match(daemon.log(), /an operation broke/)
})

test.run()
