/** The sockets that HTTP is served on: those that systemd passed, matched by their address, or opened here. */
import { chmodSync, fstatSync, lstatSync, readFileSync, unlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { connect, type Socket, type Server as SocketServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../link/log.ts'
import type { Place } from '../link/message.ts'
import { limitByAddress } from './address-limit.ts'

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
const maxConnections = 16_384
/** Of these, how many one address may hold: the rest is for everybody else. */
const maxConnectionsOfOne = 8192
/** Connections that wait to be accepted: by a gate that starts, or one that has its hands full. */
const backlog = 4096
const maxRequestsPerSocket = 100_000
/** How long a place that is taken is waited for. */
const handoverMs = 2000

function nameOf(place: Place): string {
  if ('unix' in place) return `unix:${place.unix}`
  const host = place.address.includes(':') ? `[${place.address}]` : place.address
  return `${place.tls ? 'https' : 'http'}://${host}:${place.port}`
}

const servers = new Set<Server>()

/** What takes the handshakes of WebSockets, and which requests are such. */
export interface UpgradeHandler {
  readonly takes: (incoming: IncomingMessage) => boolean
  readonly take: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void
}

let upgrade: UpgradeHandler | null = null

/** From now on the servers that are made here hand handshakes to `handler`; other requests to upgrade are ordinary ones. */
export function serveUpgrades(handler: UpgradeHandler): void {
  upgrade = handler
}

function createHttpServer(handle: RequestListener): Server {
  const server = createServer(
    { ...limits, shouldUpgradeCallback: incoming => upgrade?.takes(incoming) ?? false },
    handle,
  )
  if (upgrade !== null) server.on('upgrade', upgrade.take)
  limitByAddress(server, maxConnectionsOfOne)
  servers.add(server)
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
    // As an argument: Node.js does not look at options.backlog for a socket that it was passed.
    server.listen(options, backlog, () => {
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

/** Removes the socket of a gate that is gone. Anything else at that path, and a socket that is answered, is an error. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${path} is in the way: it is no socket`)
  const isAnswered = await new Promise<boolean>(resolve => {
    const probe = connect(path, () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (isAnswered) throw Object.assign(new Error(`${path} is served by somebody else`), { code: 'EADDRINUSE' })
  unlinkSync(path)
}

/** Listens there. The gates of a keeper that fell hold their places until they see the next one: they get a moment. */
async function listenOnceFree(place: Place, isShared: boolean, handle: RequestListener): Promise<void> {
  for (const endMs = performance.now() + handoverMs; ; ) {
    try {
      if ('unix' in place) await removeStaleSocket(place.unix)
      return await listen(createHttpServer(handle), optionsFor(place, isShared))
    } catch (fault) {
      const isTaken = (fault as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!isTaken || performance.now() > endMs) throw fault
    }
    await pause(handoverMs / 100)
  }
}

/** Opens one listener. An address that this machine does not have (IPv6 off) is left out with a warning. */
async function open(place: Place, isShared: boolean, handle: RequestListener, log: Log): Promise<string | null> {
  try {
    await listenOnceFree(place, isShared, handle)
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

/** A socket that systemd passed, served by this process. */
export interface Passed {
  readonly server: Server
  /** Null when the kernel does not say what it is bound to. */
  readonly place: Place | null
}

async function adopt(fd: number, handle: RequestListener): Promise<Passed> {
  const server = createHttpServer(handle)
  await listen(server, { fd })
  return { server, place: placeOfPassed(fd, server) }
}

/** How many sockets systemd passed to this very process. */
export function countPassed(env: NodeJS.ProcessEnv, pid: number): number {
  return env.LISTEN_PID === String(pid) ? Number.parseInt(env.LISTEN_FDS ?? '0', 10) || 0 : 0
}

/** Serves at every socket that systemd passed, `count` of them. */
export function adoptPassed(count: number, handle: RequestListener): Promise<Passed[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => adopt(firstPassedFd + index, handle)))
}

/**
 * Goes on serving at those passed sockets that are in the configuration, and closes the others. A place of the
 * configuration without a socket is a fault that is logged. The names of what is served.
 */
export function keepPassed(passed: readonly Passed[], places: readonly Place[], log: Log): string[] {
  const kept = passed.flatMap(({ server, place }) => {
    const wanted = place && places.find(one => addressOf(one) === addressOf(place))
    if (wanted) return [nameOf(wanted)]
    log('warn', 'a socket that systemd passed is in no listener of the configuration: it is closed', {
      socket: place && addressOf(place),
    })
    server.close()
    return []
  })
  for (const name of places.map(nameOf)) {
    if (!kept.includes(name)) log('error', `${name} is not served: systemd passed no such socket`)
  }
  return kept
}

/** The name, whatever is spoken there: a socket does not tell. */
function addressOf(place: Place): string {
  return nameOf('unix' in place ? place : { ...place, tls: false })
}

/** Opens every place of the configuration. Resolves with the names of what is served. */
export async function openListeners(
  places: readonly Place[],
  { isShared, handle, log }: { isShared: boolean; handle: RequestListener; log: Log },
): Promise<string[]> {
  const opened = await Promise.all(places.map(place => open(place, isShared, handle, log)))
  return opened.filter(name => name !== null)
}

/** Takes no more connections, and resolves when every request under way is answered or `graceMs` are over. */
export async function finishServing(graceMs: number): Promise<void> {
  const closed = [...servers].map(server => new Promise(resolve => server.close(resolve)))
  // A connection is idle again after its answer, and then waits for a next request that is not to come.
  const sweep = setInterval(() => {
    for (const server of servers) server.closeIdleConnections()
  }, 20)
  await Promise.race([Promise.all(closed), new Promise(resolve => setTimeout(resolve, graceMs))])
  clearInterval(sweep)
}
