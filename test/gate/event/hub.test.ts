/** The gate's subscribers with a keeper's events behind them and real WebSockets before them: nothing lost, nothing twice. */
import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import { Hub, type HubOptions } from '../../../server/gate/event/hub.ts'
import { Subscriber } from '../../../server/gate/event/subscriber.ts'
import type { Authenticated } from '../../../server/keeper/caller.ts'
import { Events } from '../../../server/keeper/event/events.ts'
import type { Answer, Forget, From, ToGate } from '../../../server/link/message.ts'
import { no, yes } from '../../../server/operations/operation.ts'
import { createMovableClock } from '../../keeper/session/movable-clock.ts'
import { type Heard, type Listening, listen } from '../../support/events.ts'

const clock = createMovableClock()
const from: From = { source: 'uid:1', local: true, uid: 1, secure: false, agent: null }

interface Context {
  hub: Hub
  hubOptions: HubOptions
  /** What the streams run on, at the gate’s side. */
  connections: Duplex[]
  server: Server
  url: string
  events: Events
  /** Of the session behind every token; null when it has ended. */
  permissions: string[] | null
  /** Holds the keeper's answers back until it is called. */
  hold: (() => void) | null
  isUp: boolean
  asked: (string | undefined)[]
  streams: Listening[]
  /** Opens a stream; the token names the session. */
  stream(token: string, since?: string): Promise<Listening>
  /** Tells of a session of that user, and gives it its name. */
  tell(name: string, user?: string): void
}

const test = suite<Context>('gate/event/hub')

function who(token: string, permissions: string[]): Authenticated {
  const began = { wallMs: clock.wallMs(), boot: clock.bootId, monotonicMs: clock.monotonicMs() }
  const session = { id: token, began, used: began, lifetimeMs: 1e6, idleMs: null }
  const grant = { jti: token, session: token, issued: began, accessMs: 1e6 }
  return { session, grant, identity: { id: '1' }, permissions, roles: [] } as unknown as Authenticated
}

test.before.each(async context => {
  Object.assign(context, { permissions: ['session.read'], hold: null, isUp: true, asked: [], streams: [] })
  context.events = new Events(clock, 'aaaaaaaa')
  const link = {
    isOpen: true,
    send: (message: ToGate) => message.type === 'event' && context.hub.push(message),
    forget: (what: Forget) => context.hub.forget(what),
  }
  const answer = async (since: string | undefined, token: string | null): Promise<Answer> => {
    context.asked.push(since)
    if (!context.isUp) return no('unavailable')
    if (context.permissions === null) return no('unauthenticated')
    const told = context.events.subscribe(who(token ?? '', context.permissions), since, link as never)
    if (told === null) return no('busy')
    // What the keeper found is on its way while other things happen.
    if (context.hold !== null) await new Promise<void>(resolve => (context.hold = resolve))
    const { validMs, ...rest } = told
    return yes({ ...rest, valid_ms: validMs, session: token, identity: '1', handle: null })
  }
  context.hubOptions = { ask: ({ since }, token) => answer(since, token) }
  context.connections = []
  context.hub = new Hub(context.hubOptions)
  const webSockets = new WebSocketServer({ noServer: true })
  context.server = createServer().listen(0, '127.0.0.1')
  context.server.on('upgrade', async (incoming, socket, head) => {
    const { searchParams } = new URL(incoming.url ?? '/', 'http://here')
    const since = searchParams.get('since') ?? undefined
    const opening = await context.hub.open({ token: searchParams.get('token'), ticket: null }, from, since)
    if (!opening.ok) return socket.destroy()
    context.connections.push(socket)
    webSockets.handleUpgrade(incoming, socket, head, one =>
      context.hub.admit(opening, new Subscriber(one, socket, null)),
    )
  })
  await once(context.server, 'listening')
  context.url = `ws://127.0.0.1:${(context.server.address() as AddressInfo).port}`
  context.stream = async (token, since) => {
    const query = since === undefined ? '' : `&since=${since}`
    const one = await listen(`${context.url}/?token=${token}${query}`)
    context.streams.push(one)
    return one
  }
  context.tell = (name, user = '2') =>
    context.events.tell({
      ...{ kind: 'session', action: 'began', session: name, session_kind: 'token', source: 'x' },
      user: { id: user, name: 'alice', realm: 'pam' },
    })
})

test.after.each(async ({ streams, server }) => {
  for (const one of streams) await one.close()
  server.close()
})

const told = ({ heard }: Listening) => heard.filter(({ kind }) => kind !== 'ready').map(({ session }) => session)
const named = (name: string) => (message: Heard) => message.session === name
const isReady = ({ kind }: Heard) => kind === 'ready'
const turn = () => new Promise(resolve => setImmediate(resolve))

test('what happens while the keeper’s answer is on its way is heard once', async context => {
  context.hold = () => {}
  const opening = context.stream('a')
  while (context.asked.length === 0) await turn()
  context.tell('meanwhile')
  context.hold()
  const one = await opening
  context.tell('after')
  await one.next(named('after'))
  assert.equal(told(one), ['meanwhile', 'after'])
})

test('while a session is in doubt nothing goes to it, and what it may hear comes when that is known', async context => {
  const { tell, hub } = context
  const one = await context.stream('a')
  const other = await context.stream('b')
  await Promise.all([one.next(isReady), other.next(isReady)])
  tell('before')
  await one.next(named('before'))
  context.events.forget({ session: 'a' })
  context.hold = () => {}
  hub.forget({ session: 'a' })
  // Somebody else is still there for whom it is pushed.
  tell('in doubt')
  await other.next(named('in doubt'))
  for (let at = 0; at < 20; at += 1) await turn()
  assert.equal(told(one), ['before'])
  const release = context.hold
  context.hold = null
  release()
  await one.next(named('in doubt'))
  tell('after')
  await one.next(named('after'))
  assert.equal(told(one), ['before', 'in doubt', 'after'])
})

test('who comes to be in doubt a second time misses nothing of what happened since the first', async context => {
  const { tell, hub } = context
  const one = await context.stream('a')
  const other = await context.stream('b')
  await Promise.all([one.next(isReady), other.next(isReady)])
  context.hold = () => {}
  hub.forget({ session: 'a' })
  tell('in doubt')
  await other.next(named('in doubt'))
  hub.forget({ session: 'a' })
  const release = context.hold
  context.hold = null
  release()
  await one.next(named('in doubt'))
  assert.equal(told(one), ['in doubt'])
})

test('a permission that is lost while the keeper’s answer is on its way is lost for the new stream', async context => {
  const other = await context.stream('b')
  await other.next(isReady)
  context.hold = () => {}
  const opening = context.stream('a')
  while (context.asked.length < 2) await turn()
  const release = context.hold
  context.hold = null
  context.permissions = []
  context.events.forget({ session: 'a' })
  context.hub.forget({ session: 'a' })
  release()
  const one = await opening
  context.tell('of another')
  context.tell('own', '1')
  await one.next(named('own'))
  assert.equal(told(one), ['own'])
})

test('so it is for a stream that was just being asked for again', async context => {
  const one = await context.stream('a')
  const other = await context.stream('b')
  await Promise.all([one.next(isReady), other.next(isReady)])
  context.hold = () => {}
  context.hub.forget({ session: 'a' })
  const release = context.hold
  context.hold = null
  context.permissions = []
  context.events.forget({ session: 'a' })
  context.hub.forget({ session: 'a' })
  release()
  for (let at = 0; at < 20; at += 1) await turn()
  context.tell('of another')
  context.tell('own', '1')
  await one.next(named('own'))
  assert.equal(told(one), ['own'])
})

test('who lost a permission hears no more of others, and still of itself', async context => {
  const { tell, hub, events } = context
  const one = await context.stream('a')
  await one.next(isReady)
  context.permissions = []
  events.forget({ identity: '1' })
  hub.forget({ identity: '1' })
  tell('of another')
  tell('own', '1')
  await one.next(named('own'))
  assert.equal(told(one), ['own'])
})

test('a revoke of another session asks nothing again', async context => {
  const one = await context.stream('a')
  await one.next(isReady)
  context.events.forget({ session: 'b' })
  context.hub.forget({ session: 'b' })
  context.tell('still')
  await one.next(named('still'))
  assert.is(context.asked.length, 1)
})

test('subscribers of one session are asked for together, and each is closed with 4401 when it has ended', async context => {
  const streams = await Promise.all(Array.from({ length: 20 }, () => context.stream('a')))
  await Promise.all(streams.map(one => one.next(isReady)))
  context.permissions = null
  context.hub.forget({ session: 'a' })
  for (const one of streams) assert.is((await one.closed()).code, 4401)
  assert.is(context.asked.length, 21)
})

test('when the link is lost streams stay, and go on with what they missed when it is back', async context => {
  const one = await context.stream('a')
  await one.next(isReady)
  context.tell('before')
  await one.next(named('before'))
  context.isUp = false
  context.events.forget('everything')
  context.hub.forget('everything')
  context.tell('missed')
  await turn()
  assert.is(one.socket.readyState, one.socket.OPEN)
  context.isUp = true
  context.hub.settle()
  await one.next(named('missed'))
  assert.equal(told(one), ['before', 'missed'])
  assert.is(one.heard.filter(isReady).length, 1)
})

test('another run of the keeper is said: ready again, with missed, then everything that it knows', async context => {
  const one = await context.stream('a')
  await one.next(isReady)
  context.tell('before')
  await one.next(named('before'))
  context.isUp = false
  context.hub.forget('everything')
  context.events = new Events(clock, 'bbbbbbbb')
  context.tell('of the next run')
  await turn()
  context.isUp = true
  context.hub.settle()
  const ready = await one.next(isReady)
  assert.equal([ready.missed, ready.id], [true, 'bbbbbbbb-0'])
  await one.next(named('of the next run'))
  // And who comes anew has not missed anything.
  const other = await context.stream('b')
  assert.is((await other.next(isReady)).missed, false)
  context.hub.forget({ identity: '1' })
  context.tell('now')
  await Promise.all([one.next(named('now')), other.next(named('now'))])
  assert.equal(told(one), ['before', 'of the next run', 'now'])
  assert.is(one.heard.filter(isReady).length, 2)
  assert.is(other.heard.filter(isReady).length, 1)
})

test('a reader that leaves too much unread is closed with 4408, and others hear on', async context => {
  const slow = await context.stream('a')
  const quick = await context.stream('a')
  await Promise.all([slow.next(isReady), quick.next(isReady)])
  slow.socket.pause()
  // The kernel takes some megabytes before anything is left to the gate.
  for (let at = 0; at < 400; at += 1) {
    context.tell(`${at} ${'x'.repeat(64 * 1024)}`)
    await turn()
  }
  context.tell('last')
  await quick.next(named('last'))
  slow.socket.resume()
  assert.is((await slow.closed()).code, 4408)
  assert.ok(told(slow).length < 401)
  assert.is(told(quick).length, 401)
})

test('what a gate that stood still was not pushed is heard all the same, and nothing is said to be missed', async context => {
  const one = await context.stream('a')
  await one.next(isReady)
  // The keeper’s minute is over, the gate’s is not.
  clock.pass(45)
  const other = await context.stream('b')
  await other.next(isReady)
  clock.pass(20)
  context.tell('not pushed to a')
  await other.next(named('not pushed to a'))
  context.tell('after')
  await one.next(named('after'))
  assert.equal(told(one), ['not pushed to a', 'after'])
  assert.is(one.heard.filter(isReady).length, 1)
})

test('who missed more than anybody may leave unread is told all of it', async context => {
  const one = await context.stream('a')
  const { id } = await one.next(isReady)
  for (let at = 0; at < 900; at += 1) context.tell(`${at} ${'x'.repeat(600)}`)
  const back = await context.stream('a', id)
  await back.next(message => String(message.session).startsWith('899 '))
  assert.is(told(back).length, 900)
  assert.is((await back.next(isReady)).missed, false)
})

test('so many may listen, of one person and of all', async context => {
  const limits = { subscribers: 3, subscribersOfOne: 2, pingMs: 60_000 }
  const identities = ['1', '1', '1', '2', '3']
  const hub = new Hub({
    limits,
    ask: async () => {
      const told = context.events.subscribe(who('a', []), undefined, undefined)
      if (told === null) return no('busy')
      const { validMs, ...rest } = told
      return yes({ ...rest, valid_ms: validMs, session: 'a', identity: identities.shift() ?? '', handle: null })
    },
  })
  const closed = Object.assign(new EventEmitter(), { readyState: 3, OPEN: 1 })
  const open = async () => {
    const opening = await hub.open({ token: 'a', ticket: null }, from, undefined)
    if (opening.ok) hub.admit(opening, new Subscriber(closed as never, new Duplex(), null))
    return opening.ok ? 'yes' : opening.detail
  }
  const answers = [await open(), await open(), await open(), await open(), await open()]
  assert.equal(answers, ['yes', 'yes', 'too many listen as this user', 'yes', 'too many listen'])
})

test('who gives no sign of life is cut', async context => {
  context.hub = new Hub({ ...context.hubOptions, limits: { pingMs: 100 } })
  const [one, silent] = [await context.stream('a'), await context.stream('a')]
  await Promise.all([one.next(isReady), silent.next(isReady)])
  silent.socket.pause()
  const ended = once(context.connections[1] as Duplex, 'close')
  await ended
  await pause(300)
  assert.is(one.socket.readyState, one.socket.OPEN)
  silent.socket.resume()
})

test('the gate’s end closes everybody with 1001, and nobody comes in any more', async context => {
  const one = await context.stream('a')
  await one.next(isReady)
  context.hub.close()
  assert.is((await one.closed()).code, 1001)
  const opening = await context.hub.open({ token: 'a', ticket: null }, from, undefined)
  assert.is(opening.ok, false)
})

test.run()
