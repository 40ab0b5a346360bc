/** The one middleware: is the request for us, and who is the client? */
import type { MiddlewareHandler } from 'hono'
import { no } from '../operations/operation.ts'
import type { Gate, GateEnv } from './gate.ts'
import { headerValues } from './header.ts'
import { isUnixConnection } from './listener.ts'
import { respondRefusal } from './respond.ts'
import { Visit } from './visit.ts'

/** Lets in what names a host of ours; answers 503 while the keeper is away. */
export function enter(gate: Gate): MiddlewareHandler<GateEnv> {
  return async function enterGate(c, next) {
    const { incoming } = c.env
    const { state } = gate
    if (state === null) return respondRefusal(no('unavailable', 'the keeper is not there: try again'), incoming)
    const { socket } = incoming
    const viaUnix = isUnixConnection(socket)
    const host = state.checkHost(headerValues(incoming.rawHeaders, 'host'))
    if (!host.ok && !viaUnix) return respondRefusal(no('host_unknown', host.detail), incoming)
    // An absolute request target would go past the Host field.
    if (incoming.url?.[0] !== '/') return respondRefusal(no('invalid_input', 'a path is expected'), incoming)
    const client = state.resolveClient({ remoteAddress: socket.remoteAddress, viaUnix, tls: false }, incoming.headers)
    const { peers } = gate
    c.set(
      'visit',
      new Visit(incoming, { host: host.ok ? host.host : null, client, peers, kioskUid: state.settings.kiosk_uid }),
    )
    return next()
  }
}
