/** The one middleware: is the request for us, and who is the client? */
import type { IncomingMessage } from 'node:http'
import type { MiddlewareHandler } from 'hono'
import { no, type Refusal } from '../operations/operation.ts'
import type { Client } from './client-address.ts'
import type { Gate, GateEnv } from './gate.ts'
import { headerValues } from './header.ts'
import type { HostAnswer } from './host.ts'
import { isEncrypted, mayBeServed, refusePlain } from './plain.ts'
import { respondRefusal, withPrefix } from './respond.ts'
import type { GateState } from './state.ts'
import { isUnixConnection } from './unix-connection.ts'
import { Visit } from './visit.ts'

/** A request that is not let in. */
export interface Refused {
  readonly refusal: Refusal
  /** Below which path a proxy has us: for the links of the page that says so. */
  readonly prefix: string
}

/** The request as a visit if it is for us, else the no; 503 while the keeper is away. */
export function openVisit(gate: Gate, incoming: IncomingMessage): Visit | Refused {
  const { state } = gate
  if (state === null) return { refusal: no('unavailable', 'the keeper is not there: try again'), prefix: '' }
  const { socket } = incoming
  if (!mayBeServed(state, incoming)) return { refusal: refusePlain(), prefix: '' }
  const viaUnix = isUnixConnection(socket)
  const peer = { remoteAddress: socket.remoteAddress, viaUnix, tls: isEncrypted(socket) }
  const client = state.resolveClient(peer, incoming.headers)
  const host = findHost(state, incoming, client)
  if (host !== null && !host.ok) {
    gate.refusals.say('host_unknown', host.detail)
    return { refusal: no('host_unknown', host.detail), prefix: client.prefix }
  }
  // An absolute request target would go past the Host field.
  if (incoming.url?.[0] !== '/') return { refusal: no('invalid_input', 'a path is expected'), prefix: client.prefix }
  const { peers, refusals } = gate
  const kioskUid = state.settings.kiosk_uid
  return new Visit(incoming, { host: host?.host ?? null, client, peers, kioskUid, refusals })
}

/**
 * The host that the browser named: as a trusted proxy says, else the Host field; null on the UNIX socket where nobody says.
 * Both must be ours: a proxy that passes on what strangers send as X-Forwarded-Host must not let a rebound name in.
 */
function findHost({ checkHost }: GateState, { rawHeaders }: IncomingMessage, client: Client): HostAnswer | null {
  const own = checkHost(headerValues(rawHeaders, 'host'))
  if (!own.ok && !client.viaUnix) return own
  if (client.hosts.length > 0) return checkHost(client.hosts)
  return own.ok ? own : null
}

/** Lets in what names a host of ours, as a visit in the context. */
export function enter(gate: Gate): MiddlewareHandler<GateEnv> {
  return function enterGate(c, next) {
    const visit = openVisit(gate, c.env.incoming)
    if (!(visit instanceof Visit))
      return Promise.resolve(withPrefix(respondRefusal(visit.refusal, c.env.incoming), visit.prefix))
    c.set('visit', visit)
    const { prefix } = visit.client
    if (prefix === '') return next() as Promise<undefined>
    return next().then(() => {
      const answer = c.res
      // Hono would add the former answer's header fields to a new one.
      c.res = undefined
      c.res = withPrefix(answer, prefix)
    }) as Promise<undefined>
  }
}
