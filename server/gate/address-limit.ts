/** How many connections one address may hold, so that what is left is for everybody else. */
import type { Server, Socket } from 'node:net'
import { ipv6Prefix64, isLoopback, parseIp } from './ip.ts'

/** From now on cuts a new connection of an address that has `most`. A UNIX socket has no addresses: who uses it is a proxy. */
export function limitByAddress(server: Server, most: number): void {
  const held = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const ip = parseIp(socket.remoteAddress)
    if (ip === null) return
    // One person holds at least a /64.
    const address = ip.family === 4 || isLoopback(ip) ? ip.text : ipv6Prefix64(ip)
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
