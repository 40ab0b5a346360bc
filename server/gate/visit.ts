/** One request as the gate's rules see it: which host, which client, whose connection. */
import type { IncomingMessage } from 'node:http'
import type { From } from '../link/message.ts'
import { type Client, sourceOf } from './client-address.ts'
import type { CookieScope } from './cookie.ts'
import { type Host, visiblePort } from './host.ts'
import { isLoopback, parseIp } from './ip.ts'
import { isLocal } from './local.ts'
import type { createPeerLookup } from './peer.ts'
import type { RefusalLog } from './refusal-log.ts'

export type PeerLookup = ReturnType<typeof createPeerLookup>

const maxAgentLength = 256

/** A request that passed the Host check. */
export class Visit {
  readonly incoming: IncomingMessage
  /** Null on the UNIX socket, where no Host is asked for. */
  readonly host: Host | null
  readonly client: Client
  readonly refusals: RefusalLog | null
  readonly #peers: PeerLookup
  readonly #kioskUid: number | null

  constructor(
    incoming: IncomingMessage,
    {
      host,
      client,
      peers,
      kioskUid,
      refusals = null,
    }: { host: Host | null; client: Client; peers: PeerLookup; kioskUid: number | null; refusals?: RefusalLog | null },
  ) {
    this.incoming = incoming
    this.host = host
    this.client = client
    this.refusals = refusals
    this.#peers = peers
    this.#kioskUid = kioskUid
  }

  /** What names the cookie. */
  get cookieScope(): CookieScope {
    return { scheme: this.client.scheme, port: visiblePort(this.host, this.client.scheme) }
  }

  /** The uid of the peer if it was asked for before on this connection; undefined when not. */
  knownUid(): number | null | undefined {
    return this.client.viaUnix ? null : this.#peers.known(this.incoming.socket)
  }

  /** The uid of a loopback peer; null for others and where the kernel does not tell. Asked once a connection. */
  async uid(): Promise<number | null> {
    const { socket } = this.incoming
    if (this.client.viaUnix || !isLoopback(parseIp(socket.remoteAddress))) return null
    const known = this.#peers.known(socket)
    return known === undefined ? this.#peers.find(socket) : known
  }

  /** What the keeper is told of the connection. */
  async from(): Promise<From> {
    const { headers, socket } = this.incoming
    const { client, host } = this
    const uid = await this.uid()
    return {
      uid,
      source: sourceOf(client, uid),
      secure: client.scheme === 'https',
      agent: headers['user-agent']?.replace(/[^\x20-\x7e]/g, '?').slice(0, maxAgentLength) ?? null,
      local: isLocal({
        remoteAddress: socket.remoteAddress,
        viaUnix: client.viaUnix,
        headers,
        host,
        trustedProxy: client.trustedProxy,
        uid,
        kioskUid: this.#kioskUid,
      }),
    }
  }

  /** Runs `ask` with a signal that aborts when the client goes away before it is answered. */
  async whileThere<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { socket } = this.incoming
    const controller = new AbortController()
    const abort = () => controller.abort()
    if (socket.destroyed) abort()
    socket.once('close', abort)
    try {
      return await ask(controller.signal)
    } finally {
      // One connection may bring many requests.
      socket.off('close', abort)
    }
  }
}
