/** One WebSocket: signs of life, and what is sent to it. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type WebSocket, WebSocketServer } from 'ws'
import { Subscriber } from '../../../server/gate/event/subscriber.ts'
import type { EventKind } from '../../../server/operations/event-kind.ts'
import { type Listening, listen } from '../../support/events.ts'

const test = suite<{ server: WebSocketServer }>('gate/event/subscriber')
test.before.each(async context => {
  context.server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(context.server, 'listening')
})
test.after.each(({ server }) => {
  for (const one of server.clients) one.terminate()
  server.close()
})

/** Both ends of one. */
async function connectTo(
  server: WebSocketServer,
  kinds: ReadonlySet<EventKind> | null = null,
  autoPong = true,
): Promise<{ subscriber: Subscriber; client: Listening }> {
  const accepted = once(server, 'connection')
  const client = await listen(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { autoPong })
  const [socket] = (await accepted) as [WebSocket]
  const { _socket: connection } = socket as unknown as { _socket: Duplex }
  return { subscriber: new Subscriber(socket, connection, kinds), client }
}

test('who gives no sign of life between two questions is cut', async ({ server }) => {
  const { subscriber, client } = await connectTo(server, null, false)
  subscriber.ask()
  await once(client.socket, 'ping')
  subscriber.ask()
  assert.is((await client.closed()).code, 1006)
})

test('who answers stays', async ({ server }) => {
  const { subscriber, client } = await connectTo(server)
  const [socket] = server.clients
  for (let at = 0; at < 5; at += 1) {
    const answered = once(socket as WebSocket, 'pong')
    subscriber.ask()
    await answered
  }
  assert.is(client.socket.readyState, client.socket.OPEN)
})

test('kinds that are not wanted are left out', async ({ server }) => {
  const { subscriber, client } = await connectTo(server, new Set<EventKind>(['login']))
  for (const kind of ['session', 'login', 'config', 'login'] as const)
    subscriber.tell(kind, Buffer.from(JSON.stringify({ id: 'x', kind })))
  await client.next(({ kind }) => kind === 'login')
  await client.next(({ kind }) => kind === 'login')
  assert.is(client.heard.length, 2)
})

test.run()
