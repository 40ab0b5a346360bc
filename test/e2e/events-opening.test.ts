/** Opening the stream of events: by which token, cookie or ticket, from which page, and what everybody else is told. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Account } from '../support/account.ts'
import type { Daemon } from '../support/daemon.ts'
import { type Listen, listen, Refused } from '../support/events.ts'
import { isReady, type Streams, startStreams } from './events-drive.ts'

const test = suite<Streams>('e2e/events-opening')

test.before(async context => {
  Object.assign(context, await startStreams())
})
test.after.each(({ closeAll }) => closeAll())
test.after(({ remove }) => remove?.())

async function refused(stream: Streams['stream'], query: string, options: Listen = {}): Promise<Refused> {
  try {
    await stream(query, options)
  } catch (fault) {
    if (fault instanceof Refused) return fault
    throw fault
  }
  throw new Error('it was not refused')
}

async function cookieOf(daemon: Daemon, { name, password }: Account): Promise<string> {
  const body = { user: name, password, cookie: true }
  const reply = await daemon.ask('/postern/v1/login', { body, headers: { Origin: daemon.url } })
  return String(reply.headers['set-cookie']?.[0]).split(';', 1)[0] ?? ''
}

test('a Bearer token opens it, and it begins by saying where', async ({ alice, stream, signIn }) => {
  const { token } = await signIn(alice)
  const ready = await (await stream('', { token })).next(isReady)
  assert.match(ready.id, /^[0-9a-f]{8}-\d+$/)
  assert.is(ready.missed, false)
})

test('a cookie opens it from this very origin alone; any other is told 403 before the upgrade', async ({
  daemon,
  alice,
  stream,
}) => {
  const Cookie = await cookieOf(daemon, alice)
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
    assert.is((await refused(stream, '', { headers: { Cookie, ...headers } })).status, 403, JSON.stringify(headers))
})

test('a page of another origin is told 403 also without a cookie, and a good Bearer needs no origin', async ({
  alice,
  stream,
  signIn,
}) => {
  assert.is((await refused(stream, '', { headers: { Origin: 'http://evil.example' } })).status, 403)
  const { token } = await signIn(alice)
  await (await stream('', { token, headers: { Origin: 'http://evil.example' } })).next(isReady)
})

test('who has no session, or a bad one, is let in and closed with 4401', async ({
  daemon,
  alice,
  stream,
  signIn,
  revoke,
}) => {
  const { token, session } = await signIn(alice)
  await revoke(session)
  for (const options of [{}, { token }, { token: 'rubbish' }, { headers: { Origin: daemon.url } }]) {
    const one = await stream('', options)
    assert.is((await one.closed()).code, 4401)
    assert.equal(one.heard, [])
  }
  assert.is((await (await stream('?ticket=rubbish')).closed()).code, 4401)
})

test('a bad Bearer does not fall back to the cookie', async ({ daemon, alice, stream }) => {
  const headers = { Cookie: await cookieOf(daemon, alice), Origin: daemon.url, Authorization: 'Bearer x.y.z' }
  assert.is((await (await stream('', { headers })).closed()).code, 4401)
})

test('a name that is not ours is told 421, and a query that is not understood 400', async ({
  alice,
  stream,
  signIn,
}) => {
  const { token } = await signIn(alice)
  assert.is((await refused(stream, '', { token, headers: { Host: 'evil.example' } })).status, 421)
  for (const query of ['?kind=session', '?kinds=', '?kinds=session,nothing', '?since=1', '?kinds=login&kinds=login'])
    assert.is((await refused(stream, query, { token })).status, 400, query)
})

test('a ticket opens one stream of its session, from anywhere, and is no login link', async ({
  daemon,
  alice,
  stream,
  signIn,
  revoke,
}) => {
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

test('answers to a ticket carry no-referrer, the upgrade too', async ({ daemon, alice, open, stream, signIn }) => {
  const { token } = await signIn(alice)
  const one = await refused(stream, '?ticket=x&kinds=nothing')
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

test('a WebSocket elsewhere, and another upgrade here, are ordinary requests', async ({ daemon, alice, signIn }) => {
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

test.run()
