/** Plain HTTP: whom it is served to, and where everybody else is sent; nothing of a refused request but its target is read. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { no, type Refusal } from '../operations/operation.ts'
import type { Gate } from './gate.ts'
import { headerValues } from './header.ts'
import type { Host } from './host.ts'
import { isLoopback, parseIp } from './ip.ts'
import { respondRefusal } from './respond.ts'
import { carriesSecret } from './secret-target.ts'
import { dataHeaders } from './security-headers.ts'
import type { GateState } from './state.ts'
import { isUnixConnection } from './unix-connection.ts'

/** Connections whose every request is served: encrypted ones, those of this machine, those by the UNIX socket. */
const served = new WeakSet<Socket>()

/** Whether the connection is TLS that we ended. */
export function isEncrypted(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true
}

function isServedConnection(socket: Socket): boolean {
  if (served.has(socket)) return true
  const isOurs = isEncrypted(socket) || isUnixConnection(socket) || isLoopback(parseIp(socket.remoteAddress))
  if (isOurs) served.add(socket)
  return isOurs
}

/** The one decision whether a request may come as it came: by TLS, from this machine, or by a trusted proxy. */
export function mayBeServed({ resolveClient }: GateState, { socket }: IncomingMessage): boolean {
  if (isServedConnection(socket)) return true
  // Without its headers: what they claim comes after the decision.
  const { trustedProxy } = resolveClient({ remoteAddress: socket.remoteAddress, viaUnix: false, tls: false }, {})
  return trustedProxy
}

/**
 * The same target by HTTPS; null when no listener speaks it, or the target carries a secret, which nobody writes down for it.
 * On a port that speaks HTTPS, the browser's own port is the right one.
 */
export function findSecureUrl({ settings }: GateState, incoming: IncomingMessage, host: Host): string | null {
  const ports = settings.listen.flatMap(place => ('tls' in place && place.tls ? [place.port] : []))
  const [first] = ports
  if (first === undefined || incoming.url?.[0] !== '/' || carriesSecret(incoming.url)) return null
  const isTlsPort = ports.includes(incoming.socket.localPort ?? 0)
  const port = isTlsPort ? (host.port ?? incoming.socket.localPort) : first
  const name = host.hostname.includes(':') ? `[${host.hostname}]` : host.hostname
  return `https://${name}${port === 443 ? '' : `:${port}`}${incoming.url}`
}

/** Why a request is not served that came by plain HTTP. */
export function refusePlain(): Refusal {
  return no('plain_http', 'plain HTTP is served to this machine itself and to trusted proxies: ask by https')
}

/** Answers a request that may not be served, and ends its connection: what else it sent is not read. */
export function answerPlain(gate: Gate, state: GateState, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const host = state.checkHost(headerValues(incoming.rawHeaders, 'host'))
  const location = host.ok ? findSecureUrl(state, incoming, host.host) : null
  const close = { Connection: 'close' }
  if (location !== null) {
    outgoing.writeHead(308, { ...dataHeaders, ...close, Location: location, 'Content-Length': '0' }).end()
    return
  }
  if (!host.ok) gate.refusals.say('host_unknown', host.detail)
  const refusal = host.ok ? refusePlain() : no('host_unknown', host.detail)
  const answer = respondRefusal(refusal, incoming, close)
  answer.text().then(
    text => {
      const length = String(Buffer.byteLength(text))
      outgoing.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'Content-Length': length }).end(text)
    },
    () => incoming.socket.destroy(),
  )
}

/** How a server's requests are answered. */
export interface Handlers {
  readonly request: RequestListener
  /** For one that waits for a go-ahead before it sends its body (RFC 9110 §10.1.1). */
  readonly expecting: RequestListener
  /** For one that came unencrypted to a port of HTTPS. */
  readonly plain: RequestListener
}

/** Puts the decision in front of `serve`; what browsers are to remember of HTTPS is added to every answer by it. */
export function withPlainDecision(gate: Gate, serve: RequestListener): Handlers {
  const decide =
    (go: RequestListener): RequestListener =>
    (incoming, outgoing) => {
      const { state } = gate
      if (state === null) return serve(incoming, outgoing)
      if (!mayBeServed(state, incoming)) return answerPlain(gate, state, incoming, outgoing)
      const { hsts_seconds: seconds } = state.settings
      if (seconds > 0 && isEncrypted(incoming.socket))
        outgoing.setHeader('Strict-Transport-Security', `max-age=${seconds}`)
      return go(incoming, outgoing)
    }
  return {
    request: decide(serve),
    expecting: decide((incoming, outgoing) => {
      outgoing.writeContinue()
      serve(incoming, outgoing)
    }),
    plain: (incoming, outgoing) =>
      gate.state === null ? incoming.socket.destroy() : answerPlain(gate, gate.state, incoming, outgoing),
  }
}
