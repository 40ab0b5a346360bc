/** How many connections one address may hold, so that what is left is for everybody else. */
import type { Server, Socket } from 'node:net'

/** From now on cuts a new connection of an address that has `most`. A UNIX socket has no addresses: who uses it is a proxy. */
export function limitByAddress(server: Server, most: number): void {
  const held = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address } = socket
    if (address === undefined) return
    const count = (held.get(address) ?? 0) + 1
    held.set(address, count)
    socket.once('close', () => {
      const left = (held.get(address) ?? 1) - 1
      if (left > 0) held.set(address, left)
      else held.delete(address)
    })
    if (count > most) socket.destroy()
  })
}
