/** Places where HTTP is served: their names, and what a socket that systemd passed is bound to. */
import { fstatSync, readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Place } from '../link/message.ts'

/** The place as a URL, `unix:PATH` for a UNIX socket. */
export function nameOf(place: Place): string {
  if ('unix' in place) return `unix:${place.unix}`
  const host = place.address.includes(':') ? `[${place.address}]` : place.address
  return `${place.tls ? 'https' : 'http'}://${host}:${place.port}`
}

/** The path of a UNIX socket that is open here, by its inode in the kernel's table; null when it is none. */
function unixPathOf(fd: number): string | null {
  const inode = String(fstatSync(fd).ino)
  const rows = readFileSync('/proc/self/net/unix', 'utf8').split('\n')
  const row = rows.map(line => line.trim().split(/\s+/)).find(columns => columns[6] === inode)
  return row?.[7] ?? null
}

/** What a passed socket is bound to, as the kernel says; whether it is to speak TLS a socket does not tell. */
export function placeOfPassed(fd: number, server: Server): Place | null {
  const bound = server.address()
  // Node.js tells the address of a UNIX socket only where it bound it itself.
  if (bound === null || typeof bound === 'string') {
    const path = unixPathOf(fd)
    return path === null ? null : { unix: path }
  }
  return { address: bound.address, port: bound.port, tls: false }
}

/** Whether a passed socket can serve a place. One for all addresses is bound in IPv6, or in IPv4 where there is no other. */
export function fits(passed: Place, place: Place): boolean {
  if ('unix' in passed || 'unix' in place) return nameOf(passed) === nameOf(place)
  const isForAll = place.address === '*' && (passed.address === '::' || passed.address === '0.0.0.0')
  // One that has spoken TLS speaks nothing else.
  const speaks = place.tls || !passed.tls
  return speaks && passed.port === place.port && (isForAll || passed.address === place.address)
}
