/** Connections by address. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limitByAddress } from '../../server/gate/address-limit.ts'

const test = suite<{ server: Server; sockets: Socket[] }>('gate/address-limit')
test.before.each(async context => {
  context.sockets = []
  context.server = createServer()
  limitByAddress(context.server, 3)
  context.server.on('connection', socket => void (socket.destroyed || socket.write('in')))
  context.server.listen(0, '127.0.0.1')
  await once(context.server, 'listening')
})
test.after.each(({ server, sockets }) => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

async function isLetIn(server: Server, sockets: Socket[], localAddress: string): Promise<boolean> {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress })
  sockets.push(socket)
  socket.on('error', () => {})
  return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)])
}

test('an address that holds too many is let in no more, another is, and again when one is closed', async context => {
  const { server, sockets } = context
  for (let at = 0; at < 3; at += 1) assert.ok(await isLetIn(server, sockets, '127.0.0.1'))
  for (let at = 0; at < 3; at += 1) assert.not.ok(await isLetIn(server, sockets, '127.0.0.1'))
  assert.ok(await isLetIn(server, sockets, '127.0.0.2'))
  sockets[0]?.destroy()
  while (!(await isLetIn(server, sockets, '127.0.0.1'))) await new Promise(resolve => setImmediate(resolve))
})

test.run()
