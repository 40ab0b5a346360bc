/** The sockets that HTTP is served on: those that systemd passed, matched by their address, else opened here. */
import { chmodSync, fstatSync, readFileSync, unlinkSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket, Server as SocketServer } from 'node:net'
import type { Log } from '../link/log.ts'
import type { Place } from '../link/message.ts'

/** The first file descriptor that systemd passes (sd_listen_fds(3)). */
const firstPassedFd = 3

/** Bounds on what a client may send or hold, in bytes, counts and milliseconds. */
const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
}
const maxConnections = 4096
const maxRequestsPerSocket = 100_000

function nameOf(place: Place): string {
  if ('unix' in place) return `unix:${place.unix}`
  const host = place.address.includes(':') ? `[${place.address}]` : place.address
  return `${place.tls ? 'https' : 'http'}://${host}:${place.port}`
}

function createHttpServer(handle: RequestListener): Server {
  const server = createServer(limits, handle)
  server.maxConnections = maxConnections
  server.maxRequestsPerSocket = maxRequestsPerSocket
  return server
}

/** Connections that came over a UNIX socket; remembered because a closed TCP connection has no address left either. */
const unixConnections = new WeakSet<Socket>()

/** Whether a connection came over the HTTP UNIX socket. */
export function isUnixConnection(socket: Socket): boolean {
  return unixConnections.has(socket)
}

function listen(server: SocketServer, options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      if (typeof server.address() !== 'object' || server.address() === null)
        server.on('connection', (socket: Socket) => unixConnections.add(socket))
      resolve()
    })
  })
}

function optionsFor(place: Place, isShared: boolean): object {
  if ('unix' in place) return { path: place.unix }
  const { address, port } = place
  if (address === '*') return { port, reusePort: isShared }
  return { host: address, port, ipv6Only: address.includes(':'), reusePort: isShared }
}

function removeStaleSocket(path: string): void {
  try {
    unlinkSync(path)
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ENOENT') throw fault
  }
}

/** Opens one listener. An address that this machine does not have (IPv6 off) is left out with a warning. */
async function open(place: Place, isShared: boolean, handle: RequestListener, log: Log): Promise<string | null> {
  const server = createHttpServer(handle)
  if ('unix' in place && !isShared) removeStaleSocket(place.unix)
  try {
    await listen(server, optionsFor(place, isShared))
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw fault
    log('warn', `${nameOf(place)} is left out: this machine has no such address`)
    return null
  }
  // The authority is the token: whoever can reach the socket may ask.
  if ('unix' in place) chmodSync(place.unix, 0o666)
  return nameOf(place)
}

/** The path of a UNIX socket that is open here, by its inode in the kernel's table; null when it is none. */
function unixPathOf(fd: number): string | null {
  const inode = String(fstatSync(fd).ino)
  const rows = readFileSync('/proc/self/net/unix', 'utf8').split('\n')
  const row = rows.map(line => line.trim().split(/\s+/)).find(columns => columns[6] === inode)
  return row?.[7] ?? null
}

/** What a passed socket is bound to, as the kernel says. */
function placeOfPassed(fd: number, server: SocketServer): Place | null {
  const bound = server.address()
  // Node.js tells the address of a UNIX socket only where it bound it itself.
  if (bound === null || typeof bound === 'string') {
    const path = unixPathOf(fd)
    return path === null ? null : { unix: path }
  }
  return { address: bound.address, port: bound.port, tls: false }
}

async function adopt(fd: number, places: readonly Place[], handle: RequestListener, log: Log): Promise<string | null> {
  const server = createHttpServer(handle)
  await listen(server, { fd })
  const bound = placeOfPassed(fd, server)
  const wanted =
    bound && places.find(place => nameOf({ ...place, ...('tls' in place && { tls: false }) }) === nameOf(bound))
  if (bound && wanted) return nameOf(wanted)
  log('warn', 'a socket that systemd passed is in no listener of the configuration: it is closed', { bound })
  server.close()
  return null
}

/** How many sockets systemd passed to this very process. */
export function countPassed(env: NodeJS.ProcessEnv, pid: number): number {
  return env.LISTEN_PID === String(pid) ? Number.parseInt(env.LISTEN_FDS ?? '0', 10) || 0 : 0
}

/**
 * Serves at every place of the configuration. With sockets from systemd, only those; a place without one is a fault that
 * is logged. Resolves with the names of what is served.
 */
export async function openListeners(
  places: readonly Place[],
  { passed, isShared, handle, log }: { passed: number; isShared: boolean; handle: RequestListener; log: Log },
): Promise<string[]> {
  if (passed === 0) {
    const opened = await Promise.all(places.map(place => open(place, isShared, handle, log)))
    return opened.filter(name => name !== null)
  }
  const fds = Array.from({ length: passed }, (_, index) => firstPassedFd + index)
  const adopted = await Promise.all(fds.map(fd => adopt(fd, places, handle, log)))
  const names = adopted.filter(name => name !== null)
  for (const place of places) {
    if (!names.includes(nameOf(place))) log('error', `${nameOf(place)} is not served: systemd passed no such socket`)
  }
  return names
}
