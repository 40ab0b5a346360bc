/** The one middleware: is the request for us, and who is the client? */
import type { IncomingMessage } from 'node:http'
import type { MiddlewareHandler } from 'hono'
import { no, type Refusal } from '../operations/operation.ts'
import type { Gate, GateEnv } from './gate.ts'
import { headerValues } from './header.ts'
import { isEncrypted, mayBeServed, refusePlain } from './plain.ts'
import { respondRefusal } from './respond.ts'
import { isUnixConnection } from './unix-connection.ts'
import { Visit } from './visit.ts'

/** The request as a visit if it is for us, else the no; 503 while the keeper is away. */
export function openVisit(gate: Gate, incoming: IncomingMessage): Visit | Refusal {
  const { state } = gate
  if (state === null) return no('unavailable', 'the keeper is not there: try again')
  const { socket } = incoming
  if (!mayBeServed(state, incoming)) return refusePlain()
  const viaUnix = isUnixConnection(socket)
  const host = state.checkHost(headerValues(incoming.rawHeaders, 'host'))
  if (!host.ok && !viaUnix) return no('host_unknown', host.detail)
  // An absolute request target would go past the Host field.
  if (incoming.url?.[0] !== '/') return no('invalid_input', 'a path is expected')
  const peer = { remoteAddress: socket.remoteAddress, viaUnix, tls: isEncrypted(socket) }
  const client = state.resolveClient(peer, incoming.headers)
  const { peers } = gate
  const kioskUid = state.settings.kiosk_uid
  return new Visit(incoming, { host: host.ok ? host.host : null, client, peers, kioskUid })
}

/** Lets in what names a host of ours, as a visit in the context. */
export function enter(gate: Gate): MiddlewareHandler<GateEnv> {
  return function enterGate(c, next) {
    const visit = openVisit(gate, c.env.incoming)
    if (!(visit instanceof Visit)) return Promise.resolve(respondRefusal(visit, c.env.incoming))
    c.set('visit', visit)
    return next() as Promise<undefined>
  }
}
