/** The stream of events: who may open it, who hears what, and that nothing is lost and nobody hears on when it is over. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { type Heard, type Listen, type Listening, listen, Refused } from '../support/events.ts'

const test = suite('e2e/events')

let daemon: Daemon
/** No role. */
let alice: Account
/** An administrator. */
let bob: Account
const open: Listening[] = []

const config = () => ({
  login: { failure_delay_seconds: 0.5, allow: { users: ['root', alice.name, bob.name] } },
  roles: { admin: { users: ['root', bob.name] } },
})

test.before(async () => {
  alice = await createAccount()
  bob = await createAccount()
  daemon = await startDaemon({ config: config() })
})
test.after.each(async () => {
  for (const one of open.splice(0)) await one.close()
})
test.after(async () => {
  await daemon?.remove()
  await alice?.remove()
  await bob?.remove()
})

async function stream(query = '', options: Listen = {}): Promise<Listening> {
  const listening = await listen(`ws://127.0.0.1:${daemon.port}/postern/v1/events${query}`, options)
  open.push(listening)
  return listening
}

async function refused(query: string, options: Listen = {}): Promise<Refused> {
  try {
    await stream(query, options)
  } catch (fault) {
    if (fault instanceof Refused) return fault
    throw fault
  }
  throw new Error('it was not refused')
}

interface SignedIn {
  readonly token: string
  readonly session: string
}

async function signIn({ name, password }: Account): Promise<SignedIn> {
  const reply = await daemon.login(name, password)
  assert.is(reply.status, 200, reply.text)
  const { access_token: token, session } = reply.json() as { access_token: string; session: { id: string } }
  return { token, session: session.id }
}

async function cookieOf({ name, password }: Account): Promise<string> {
  const body = { user: name, password, cookie: true }
  const reply = await daemon.ask('/postern/v1/login', { body, headers: { Origin: daemon.url } })
  return String(reply.headers['set-cookie']?.[0]).split(';', 1)[0] ?? ''
}

const revoke = (id: string, token = daemon.token()) =>
  daemon.ask(`/postern/v1/sessions/${id}`, { method: 'DELETE', token })

const isReady = ({ kind }: Heard) => kind === 'ready'
const isOf = (kind: string, action: string) => (message: Heard) => message.kind === kind && message.action === action
const clear = () => daemon.ask('/postern/v1/throttle/clear', { body: {}, token: daemon.token() })

/** What an administrator heard until now; by then everybody else has heard theirs. */
async function settle(): Promise<void> {
  const witness = await stream('?kinds=throttle', { token: daemon.token() })
  await clear()
  await witness.next(isOf('throttle', 'cleared'))
  await witness.close()
}

test('a Bearer token opens it, and it begins by saying where', async () => {
  const { token } = await signIn(alice)
  const ready = await (await stream('', { token })).next(isReady)
  assert.match(ready.id, /^[0-9a-f]{8}-\d+$/)
  assert.is(ready.missed, false)
})

test('a cookie opens it from this very origin alone; any other is told 403 before the upgrade', async () => {
  const Cookie = await cookieOf(alice)
  await (await stream('', { headers: { Cookie, Origin: daemon.url } })).next(isReady)
  for (const headers of [
    {},
    { Origin: 'http://evil.example' },
    { Origin: 'null' },
    { Origin: `http://127.0.0.1:${daemon.port + 1}` },
    { Origin: `http://localhost:${daemon.port}` },
    { Origin: daemon.url, 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'http://evil.example', 'Sec-Fetch-Site': 'same-origin' },
  ])
    assert.is((await refused('', { headers: { Cookie, ...headers } })).status, 403, JSON.stringify(headers))
})

test('a page of another origin is told 403 also without a cookie, and a good Bearer needs no origin', async () => {
  assert.is((await refused('', { headers: { Origin: 'http://evil.example' } })).status, 403)
  const { token } = await signIn(alice)
  await (await stream('', { token, headers: { Origin: 'http://evil.example' } })).next(isReady)
})

test('who has no session, or a bad one, is let in and closed with 4401', async () => {
  const { token, session } = await signIn(alice)
  await revoke(session)
  for (const options of [{}, { token }, { token: 'rubbish' }, { headers: { Origin: daemon.url } }]) {
    const one = await stream('', options)
    assert.is((await one.closed()).code, 4401)
    assert.equal(one.heard, [])
  }
  assert.is((await (await stream('?ticket=rubbish')).closed()).code, 4401)
})

test('a bad Bearer does not fall back to the cookie', async () => {
  const headers = { Cookie: await cookieOf(alice), Origin: daemon.url, Authorization: 'Bearer x.y.z' }
  assert.is((await (await stream('', { headers })).closed()).code, 4401)
})

test('a name that is not ours is told 421, and a query that is not understood 400', async () => {
  const { token } = await signIn(alice)
  assert.is((await refused('', { token, headers: { Host: 'evil.example' } })).status, 421)
  for (const query of ['?kind=session', '?kinds=', '?kinds=session,nothing', '?since=1', '?kinds=login&kinds=login'])
    assert.is((await refused(query, { token })).status, 400, query)
})

test('a ticket opens one stream of its session, from anywhere, and is no login link', async () => {
  const { token, session } = await signIn(alice)
  const ticket = async () => {
    const reply = await daemon.ask('/postern/v1/events/ticket', { method: 'POST', token })
    return String(reply.json().ticket)
  }
  const first = await ticket()
  const one = await stream(`?ticket=${first}`, { headers: { Origin: 'http://elsewhere.example' } })
  await one.next(isReady)
  assert.is((await (await stream(`?ticket=${first}`)).closed()).code, 4401)
  const second = await ticket()
  const reply = await daemon.ask(`/login?token=${second}`, { headers: { 'User-Agent': 'test' } })
  assert.is(reply.headers['set-cookie'], undefined)
  const link = await daemon.ask('/postern/v1/tickets', { token: daemon.token(), body: { user: alice.name } })
  assert.is((await (await stream(`?ticket=${link.json().ticket}`)).closed()).code, 4401)
  await revoke(session)
  assert.is((await one.closed()).code, 4401)
  assert.is((await (await stream(`?ticket=${second}`)).closed()).code, 4401)
})

test('answers to a ticket carry no-referrer, the upgrade too', async () => {
  const { token } = await signIn(alice)
  const one = await refused('?ticket=x&kinds=nothing')
  assert.is(one.headers['referrer-policy'], 'no-referrer')
  const reply = await daemon.ask('/postern/v1/events/ticket', { method: 'POST', token })
  const url = `ws://127.0.0.1:${daemon.port}/postern/v1/events?ticket=${reply.json().ticket}`
  const listening = await listen(url)
  open.push(listening)
  const plain = await daemon.ask('/postern/v1/events?ticket=x')
  assert.is(plain.status, 426)
  assert.is(plain.headers['referrer-policy'], 'no-referrer')
  assert.is(plain.headers.upgrade, 'websocket')
})

test('a person hears of their own sessions and logins, and of nothing else', async () => {
  const { token } = await signIn(alice)
  const own = await stream('', { token })
  await own.next(isReady)
  const { session } = await signIn(alice)
  assert.is((await own.next(isOf('session', 'began'))).session, session)
  assert.is((await own.next(isOf('login', 'ok'))).session, session)
  await daemon.login(alice.name, 'wrong')
  const no = await own.next(isOf('login', 'refused'))
  assert.is((no.user as { name: string }).name, alice.name)
  const another = await signIn(bob)
  await daemon.login(bob.name, 'wrong')
  await daemon.login('nobody-here', 'wrong')
  await revoke(another.session)
  await revoke(session)
  assert.is((await own.next(isOf('session', 'ended'))).session, session)
  await settle()
  const names = own.heard.slice(1).map(({ user }) => (user as { name: string }).name)
  assert.equal(new Set(names), new Set([alice.name]))
})

test('an administrator hears of everybody; a name that nobody has is not told', async () => {
  const all = await stream('', { token: daemon.token() })
  await all.next(isReady)
  const { session } = await signIn(alice)
  assert.is((await all.next(isOf('session', 'began'))).session, session)
  await daemon.login('my secret password', 'wrong')
  const no = await all.next(isOf('login', 'refused'))
  assert.is(no.user, null)
  assert.not.match(JSON.stringify(all.heard), /my secret password/)
  await clear()
  await all.next(isOf('throttle', 'cleared'))
})

test('a source that has to wait is told of', async () => {
  const all = await stream('?kinds=throttle', { token: daemon.token() })
  await all.next(isReady)
  for (let at = 0; at < 4; at += 1)
    await daemon.ask('/postern/v1/login', {
      body: { user: alice.name, password: 'wrong' },
      localAddress: '127.0.0.1',
      headers: {},
    })
  const blocked = await all.next(isOf('throttle', 'blocked'))
  assert.ok(Number(blocked.retry_after) > 0)
  await clear()
})

test('only the kinds that are asked for are sent', async () => {
  const some = await stream('?kinds=login,config', { token: daemon.token() })
  await some.next(isReady)
  await signIn(alice)
  await some.next(isOf('login', 'ok'))
  await settle()
  assert.equal(
    some.heard.map(({ kind }) => kind),
    ['ready', 'login'],
  )
})

test('who comes back with the last id has missed nothing, in order, once', async () => {
  const all = await stream('?kinds=session', { token: daemon.token() })
  await all.next(isReady)
  const { session } = await signIn(alice)
  const last = await all.next(message => message.session === session)
  await all.close()
  const missed = [(await signIn(alice)).session, (await signIn(bob)).session]
  const back = await stream(`?kinds=session&since=${last.id}`, { token: daemon.token() })
  assert.is((await back.next(isReady)).missed, false)
  const next = await signIn(alice)
  await back.next(message => message.session === next.session)
  assert.equal(
    back.heard.slice(1).map(({ session: one }) => one),
    [...missed, next.session],
  )
})

test('an id of another run is answered with missed, and everything there is', async () => {
  const { session } = await signIn(alice)
  for (const since of ['00000000-1', '00000000-999999999']) {
    const back = await stream(`?since=${since}`, { token: daemon.token() })
    assert.is((await back.next(isReady)).missed, true)
    await back.next(message => message.session === session)
    await back.close()
  }
})

test('the end of its session closes it with 4401 within a second, however it ends', async () => {
  const ends: [name: string, end: (who: SignedIn) => Promise<unknown>][] = [
    ['revoke', ({ session }) => revoke(session)],
    ['logout', ({ token }) => daemon.ask('/postern/v1/logout', { method: 'POST', token })],
    [
      'revoke all',
      () => daemon.ask('/postern/v1/sessions/revoke', { body: { user: alice.name }, token: daemon.token() }),
    ],
  ]
  for (const [name, end] of ends) {
    const who = await signIn(alice)
    const one = await stream('', { token: who.token })
    await one.next(isReady)
    await end(who)
    const { code, ms } = await one.closed()
    assert.is(code, 4401, name)
    assert.ok(ms < 1000, `${name}: ${ms} ms`)
  }
})

test('the end of an access token closes it with 4401', async () => {
  const reply = await daemon.login(alice.name, alice.password, { expires_seconds: 2 })
  const one = await stream('', { token: String(reply.json().access_token) })
  await one.next(isReady)
  assert.is((await one.closed()).code, 4401)
})

test('a client that does not say goodbye is cut a second after the end of its session', async () => {
  const who = await signIn(alice)
  const raw = connect(daemon.port, '127.0.0.1')
  const fields = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13']
  const key = `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`
  const lines = ['GET /postern/v1/events HTTP/1.1', `Host: 127.0.0.1:${daemon.port}`, ...fields, key]
  raw.write(`${[...lines, `Authorization: Bearer ${who.token}`].join('\r\n')}\r\n\r\n`)
  await once(raw, 'data')
  const cut = new Promise(resolve => raw.on('close', resolve))
  // It reads on, and answers nothing.
  raw.on('error', () => {}).resume()
  await revoke(who.session)
  const startedMs = performance.now()
  await cut
  assert.ok(performance.now() - startedMs < 1100)
})

test('permissions that change are in force at once: what was open to an administrator is not any more', async () => {
  const { token } = await signIn(bob)
  const was = await stream('', { token })
  await was.next(isReady)
  await signIn(alice)
  await was.next(message => (message.user as { name: string } | undefined)?.name === alice.name)
  daemon.configure({ ...config(), roles: { admin: { users: ['root'] } } })
  const reload = () => daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  assert.is((await reload()).status, 200)
  const before = was.heard.length
  await signIn(alice)
  await signIn(bob)
  await was.next(message => isOf('login', 'ok')(message) && was.heard.indexOf(message) >= before)
  await settle()
  const names = was.heard.slice(before).map(({ user }) => (user as { name: string } | undefined)?.name)
  assert.equal(new Set(names), new Set([bob.name]))
  daemon.configure(config())
  assert.is((await reload()).status, 200)
  // And what is open to them now they hear of again, without asking.
  const { session } = await signIn(alice)
  await was.next(message => message.session === session)
})

test('a configuration that is read again, or refused, is told of', async () => {
  const all = await stream('?kinds=config', { token: daemon.token() })
  await all.next(isReady)
  await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  await all.next(isOf('config', 'reloaded'))
  daemon.configure({ ...config(), nonsense: true })
  await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  await all.next(isOf('config', 'refused'))
  daemon.configure(config())
})

test('a client that talks is closed with 1008, and with 1009 when it talks much', async () => {
  const { token } = await signIn(alice)
  for (const [text, code] of [
    ['hello', 1008],
    ['x'.repeat(5000), 1009],
  ] as const) {
    const one = await stream('', { token })
    await one.next(isReady)
    one.socket.send(text)
    assert.is((await one.closed()).code, code)
  }
})

test('a client that pings without end is closed with 1008', async () => {
  const { token } = await signIn(alice)
  const one = await stream('', { token })
  await one.next(isReady)
  for (let at = 0; at < 200; at += 1) one.socket.ping()
  assert.is((await one.closed()).code, 1008)
})

test('a WebSocket elsewhere, and another upgrade here, are ordinary requests', async () => {
  const { token } = await signIn(alice)
  const elsewhere = listen(`ws://127.0.0.1:${daemon.port}/postern/v1/me`, { token })
  const fault = await elsewhere.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(fault instanceof Refused && fault.status === 200)
  const headers = { Connection: 'Upgrade', Upgrade: 'h2c' }
  assert.is((await daemon.ask('/postern/v1/events', { headers })).status, 426)
})

test('the gate’s end closes every stream with 1001', async () => {
  const other = await startDaemon({ config: config() })
  const reply = await other.login(alice.name, alice.password)
  const url = `ws://127.0.0.1:${other.port}/postern/v1/events`
  const one = await listen(url, { token: String(reply.json().access_token) })
  await one.next(isReady)
  const stopped = other.stop()
  assert.is((await one.closed()).code, 1001)
  await stopped
  await other.remove()
})

test.run()
