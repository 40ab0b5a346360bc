/** The sockets that HTTP is served on: those that systemd passed, matched by their address, or opened here. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type Socket, type Server as SocketServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../link/log.ts'
import type { Material, Place } from '../link/message.ts'
import { limitByAddress } from './address-limit.ts'
import { fits, nameOf, placeOfPassed } from './place.ts'
import type { Handlers } from './plain.ts'
import { createSecureServer, type SecureServer } from './secure.ts'
import { rememberUnix } from './unix-connection.ts'

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
/** How long the connections of a place that is served no more have for their answers: its own switching off is one. */
const farewellMs = 1000

/** Servers that listen, and those that are handed connections. */
const servers = new Set<Server>()

/** The connections of each listening server, those that became WebSockets too. */
const connections = new WeakMap<Server, Set<Socket>>()

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

/** What every server of HTTP or HTTPS is made with. */
const options = { ...limits, shouldUpgradeCallback: (incoming: IncomingMessage) => upgrade?.takes(incoming) ?? false }

/** What every server of HTTP or HTTPS is given. */
function equip(server: Server, { expecting }: Handlers): Server {
  if (upgrade !== null) server.on('upgrade', upgrade.take)
  servers.add(server)
  server.maxRequestsPerSocket = maxRequestsPerSocket
  server.on('checkContinue', expecting)
  return server
}

/** Counts and remembers the connections that a server accepts. */
function watchOver(server: Server): void {
  limitByAddress(server, maxConnectionsOfOne)
  const open = new Set<Socket>()
  connections.set(server, open)
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
}

function createHttpServer(handlers: Handlers): Server {
  const server = equip(createServer(options, handlers.request), handlers)
  server.maxConnections = maxConnections
  watchOver(server)
  return server
}

/** Has the connections of a listening server speak HTTPS from now on. */
async function makeSecure(front: Server, material: Material, handlers: Handlers): Promise<SecureServer> {
  const secure = await createSecureServer(options, material, handlers)
  equip(secure.server, handlers)
  front.removeAllListeners('connection')
  watchOver(front)
  front.on('connection', (socket: Socket) => !socket.destroyed && secure.take(socket))
  return secure
}

function listen(server: SocketServer, options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // As an argument: Node.js does not look at options.backlog for a socket that it was passed.
    server.listen(options, backlog, () => {
      server.off('error', reject)
      if (typeof server.address() !== 'object' || server.address() === null) server.on('connection', rememberUnix)
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
async function listenOnceFree(place: Place, isShared: boolean, handlers: Handlers): Promise<Server> {
  for (const endMs = performance.now() + handoverMs; ; ) {
    const server = createHttpServer(handlers)
    try {
      if ('unix' in place) await removeStaleSocket(place.unix)
      await listen(server, optionsFor(place, isShared))
      return server
    } catch (fault) {
      servers.delete(server)
      const isTaken = (fault as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!isTaken || performance.now() > endMs) throw fault
    }
    await pause(handoverMs / 100)
  }
}

/** A listening server; null where this machine does not have such an address (IPv6 off), with a warning. */
async function open(place: Place, isShared: boolean, handlers: Handlers, log: Log): Promise<Server | null> {
  try {
    const server = await listenOnceFree(place, isShared, handlers)
    // The authority is the token: whoever can reach the socket may ask.
    if ('unix' in place) chmodSync(place.unix, 0o666)
    return server
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw fault
    log('warn', `${nameOf(place)} is left out: this machine has no such address`)
    return null
  }
}

/** A socket that systemd passed to this process. */
export interface Passed {
  readonly server: Server
  /** Null when the kernel does not say what it is bound to. */
  readonly place: Place | null
}

async function adopt(fd: number, handlers: Handlers): Promise<Passed> {
  const server = createHttpServer(handlers)
  await listen(server, { fd })
  return { server, place: placeOfPassed(fd, server) }
}

/** How many sockets systemd passed to this very process. */
export function countPassed(env: NodeJS.ProcessEnv, pid: number): number {
  return env.LISTEN_PID === String(pid) ? Number.parseInt(env.LISTEN_FDS ?? '0', 10) || 0 : 0
}

/** A place that is served. */
interface Served {
  readonly place: Place
  readonly server: Server
  readonly secure: SecureServer | null
  readonly isPassed: boolean
}

export interface ListenersOptions {
  readonly handlers: Handlers
  readonly log: Log
  /** How many sockets systemd passed. */
  readonly passed: number
  /** Several gates may listen at the same addresses. */
  readonly isShared: boolean
  /** Whether this gate opens the UNIX sockets too, which cannot be shared. */
  readonly opensUnix: boolean
}

/** What is served, made to follow the configuration: a place that stays keeps its connections. */
export class Listeners {
  readonly #options: ListenersOptions
  #adopted: Promise<Passed[]> | null = null
  #unclaimed: Passed[] = []
  #served: readonly Served[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  /** Serves at every socket that systemd passed. */
  adopt(): Promise<Passed[]> {
    const { passed, handlers } = this.#options
    this.#adopted ??= Promise.all(Array.from({ length: passed }, (_, at) => adopt(firstPassedFd + at, handlers))).then(
      all => {
        this.#unclaimed = [...all]
        return all
      },
    )
    return this.#adopted
  }

  /** Serves at these places, one call after the other. The names of what is served. */
  follow(places: readonly Place[], material: Material | null): Promise<string[]> {
    const turn = this.#turn.then(() => this.#follow(places, material))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #follow(places: readonly Place[], material: Material | null): Promise<string[]> {
    await this.adopt()
    const isFirst = this.#served.length === 0
    const kept = this.#served.filter(({ place }) => places.some(one => nameOf(one) === nameOf(place)))
    for (const one of this.#served) if (!kept.includes(one)) this.#close(one)
    // A certificate that changed: who is connected stays so.
    if (material !== null) for (const one of kept) this.#replace(one, material)
    const missing = places.filter(place => !kept.some(one => nameOf(one.place) === nameOf(place)))
    const opened = await Promise.all(missing.map(place => this.#open(place, material, isFirst)))
    this.#served = [...kept, ...opened.filter(one => one !== null)]
    this.#shutUnclaimed()
    return this.#served.map(({ place }) => nameOf(place))
  }

  /** What cannot be served leaves the former certificate in place: one that is not fit must not close the other doors. */
  #replace({ place, secure }: Served, material: Material): void {
    try {
      secure?.replace(material)
    } catch (fault) {
      const text = fault instanceof Error ? fault.message : String(fault)
      this.#options.log('error', `${nameOf(place)}: the new certificate cannot be served: ${text}`)
    }
  }

  /** At the first start a place that cannot be had is a fault; later, what is served goes on. */
  async #open(place: Place, material: Material | null, isFirst: boolean): Promise<Served | null> {
    const isTls = 'tls' in place && place.tls
    if (isTls && material === null) return null
    try {
      const claimed = this.#claim(place)
      const server = claimed ?? (await this.#openOwn(place))
      if (server === null) return null
      server.maxConnections = maxConnections
      const served = { place, server, secure: null, isPassed: claimed !== null }
      return isTls && material !== null ? await this.#secure(served, material) : served
    } catch (fault) {
      if (isFirst && this.#options.passed === 0 && !isTls) throw fault
      const text = fault instanceof Error ? fault.message : String(fault)
      this.#options.log('error', `${nameOf(place)} is not served: ${text}`)
      return null
    }
  }

  async #secure(served: Served, material: Material): Promise<Served> {
    try {
      return { ...served, secure: await makeSecure(served.server, material, this.#options.handlers) }
    } catch (fault) {
      this.#close(served)
      throw fault
    }
  }

  /** The socket of that place which systemd passed, unless it is served already. */
  #claim(place: Place): Server | null {
    const found = this.#unclaimed.find(one => one.place !== null && fits(one.place, place))
    if (found === undefined) return null
    this.#unclaimed = this.#unclaimed.filter(one => one !== found)
    return found.server
  }

  /**
   * Opens a place. Where systemd passes sockets it passes all, but for HTTPS: that is switched on while the gate runs,
   * when no socket can be passed any more.
   */
  async #openOwn(place: Place): Promise<Server | null> {
    const { passed, isShared, opensUnix, handlers, log } = this.#options
    if ('unix' in place && passed === 0 && !opensUnix) return null
    if (passed > 0 && ('unix' in place || !place.tls)) throw new Error('systemd passed no such socket')
    return open(place, isShared, handlers, log)
  }

  /** Takes no more connections there. Those that are open are cut, whatever they became: who switched it off means them. */
  #close({ place, server, secure, isPassed }: Served): void {
    if (isPassed) {
      // It was passed once and for all: it may be asked for again.
      this.#unclaimed.push({ place, server })
      shut(server)
    } else server.close()
    for (const one of [server, secure?.server]) one?.closeIdleConnections()
    const open = [...(connections.get(server) ?? [])]
    const cut = () => {
      for (const socket of open) socket.destroy()
    }
    setTimeout(cut, farewellMs).unref()
  }

  #shutUnclaimed(): void {
    for (const { server, place } of this.#unclaimed) {
      if (server.maxConnections === 0) continue
      const socket = place && nameOf(place)
      const text = 'a socket that systemd passed is in no listener of the configuration: it is not served'
      this.#options.log('warn', text, { socket })
      shut(server)
      server.closeIdleConnections()
    }
  }
}

/** From now on cuts who connects. Closed, the socket would be systemd's still, and whoever connects would wait for ever. */
function shut(server: Server): void {
  server.maxConnections = 0
}

/** Takes no more connections, and resolves when every request under way is answered or `graceMs` are over. */
export async function finishServing(graceMs: number): Promise<void> {
  const listening = [...servers].filter(server => server.listening)
  const closed = listening.map(server => new Promise(resolve => server.close(resolve)))
  // A connection is idle again after its answer, and then waits for a next request that is not to come.
  const sweep = setInterval(() => {
    for (const server of servers) server.closeIdleConnections()
  }, 20)
  await Promise.race([Promise.all(closed), new Promise(resolve => setTimeout(resolve, graceMs))])
  clearInterval(sweep)
}
