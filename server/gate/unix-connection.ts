/** Which connections came over the HTTP UNIX socket; remembered because a closed TCP connection has no address left either. */
import type { Socket } from 'node:net'

const unixConnections = new WeakSet<Socket>()

/** Remembers one. */
export function rememberUnix(socket: Socket): void {
  unixConnections.add(socket)
}

/** Whether a connection came over the HTTP UNIX socket. */
export function isUnixConnection(socket: Socket): boolean {
  return unixConnections.has(socket)
}
