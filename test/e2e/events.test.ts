/** The stream of events: who hears what, and that nothing is lost and nobody hears on when it is over. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { type Heard, listen } from '../support/events.ts'
import { isReady, type SignedIn, type Streams, startStreams } from './events-drive.ts'

const test = suite<Streams>('e2e/events')

test.before(async context => {
  Object.assign(context, await startStreams())
})
test.after.each(({ closeAll }) => closeAll())
test.after(({ remove }) => remove?.())

const isOf = (kind: string, action: string) => (message: Heard) => message.kind === kind && message.action === action
const clear = (daemon: Daemon) => daemon.ask('/postern/v1/throttle/clear', { body: {}, token: daemon.token() })

/** What an administrator heard until now; by then everybody else has heard theirs. */
async function settle({ daemon, stream }: Pick<Streams, 'daemon' | 'stream'>): Promise<void> {
  const witness = await stream('?kinds=throttle', { token: daemon.token() })
  await clear(daemon)
  await witness.next(isOf('throttle', 'cleared'))
  await witness.close()
}

test('a person hears of their own sessions and logins, and of nothing else', async ({
  daemon,
  alice,
  bob,
  stream,
  signIn,
  revoke,
}) => {
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
  await settle({ daemon, stream })
  const names = own.heard.slice(1).map(({ user }) => (user as { name: string }).name)
  assert.equal(new Set(names), new Set([alice.name]))
})

test('an administrator hears of everybody; a name that nobody has is not told', async ({
  daemon,
  alice,
  stream,
  signIn,
}) => {
  const all = await stream('', { token: daemon.token() })
  await all.next(isReady)
  const { session } = await signIn(alice)
  assert.is((await all.next(isOf('session', 'began'))).session, session)
  await daemon.login('my secret password', 'wrong')
  const no = await all.next(isOf('login', 'refused'))
  assert.is(no.user, null)
  assert.not.match(JSON.stringify(all.heard), /my secret password/)
  await clear(daemon)
  await all.next(isOf('throttle', 'cleared'))
})

test('a source that has to wait is told of', async ({ daemon, alice, stream }) => {
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
  await clear(daemon)
})

test('only the kinds that are asked for are sent', async ({ daemon, alice, stream, signIn }) => {
  const some = await stream('?kinds=login,config', { token: daemon.token() })
  await some.next(isReady)
  await signIn(alice)
  await some.next(isOf('login', 'ok'))
  await settle({ daemon, stream })
  assert.equal(
    some.heard.map(({ kind }) => kind),
    ['ready', 'login'],
  )
})

test('who comes back with the last id has missed nothing, in order, once', async ({
  daemon,
  alice,
  bob,
  stream,
  signIn,
}) => {
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

test('an id of another run is answered with missed, and everything there is', async ({
  daemon,
  alice,
  stream,
  signIn,
}) => {
  const { session } = await signIn(alice)
  for (const since of ['00000000-1', '00000000-999999999']) {
    const back = await stream(`?since=${since}`, { token: daemon.token() })
    assert.is((await back.next(isReady)).missed, true)
    await back.next(message => message.session === session)
    await back.close()
  }
})

test('the end of its session closes it with 4401 within a second, however it ends', async ({
  daemon,
  alice,
  stream,
  signIn,
  revoke,
}) => {
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

test('the end of an access token closes it with 4401', async ({ daemon, alice, stream }) => {
  const reply = await daemon.login(alice.name, alice.password, { expires_seconds: 2 })
  const one = await stream('', { token: String(reply.json().access_token) })
  await one.next(isReady)
  assert.is((await one.closed()).code, 4401)
})

test('a client that does not say goodbye is cut a second after the end of its session', async ({
  daemon,
  alice,
  signIn,
  revoke,
}) => {
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

test('permissions that change are in force at once: what was open to an administrator is not any more', async ({
  daemon,
  alice,
  bob,
  config,
  stream,
  signIn,
}) => {
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
  await settle({ daemon, stream })
  const names = was.heard.slice(before).map(({ user }) => (user as { name: string } | undefined)?.name)
  assert.equal(new Set(names), new Set([bob.name]))
  daemon.configure(config())
  assert.is((await reload()).status, 200)
  // And what is open to them now they hear of again, without asking.
  const { session } = await signIn(alice)
  await was.next(message => message.session === session)
})

test('a configuration that is read again, or refused, is told of', async ({ daemon, config, stream }) => {
  const all = await stream('?kinds=config', { token: daemon.token() })
  await all.next(isReady)
  await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  await all.next(isOf('config', 'reloaded'))
  daemon.configure({ ...config(), nonsense: true })
  await daemon.ask('/postern/v1/config/reload', { method: 'POST', token: daemon.token() })
  await all.next(isOf('config', 'refused'))
  daemon.configure(config())
})

test('a client that talks is closed with 1008, and with 1009 when it talks much', async ({ alice, stream, signIn }) => {
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

test('a client that pings without end is closed with 1008', async ({ alice, stream, signIn }) => {
  const { token } = await signIn(alice)
  const one = await stream('', { token })
  await one.next(isReady)
  for (let at = 0; at < 200; at += 1) one.socket.ping()
  assert.is((await one.closed()).code, 1008)
})

test('the gate’s end closes every stream with 1001', async ({ alice, config }) => {
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
