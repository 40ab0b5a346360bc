/** From a handshake to a subscriber: the same Host, the same credentials as any request, and for a cookie this very origin. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import type { Log } from '../../link/log.ts'
import { no, type Refusal } from '../../operations/operation.ts'
import { findCredential, refuseForeignOrigin } from '../authenticate.ts'
import { openVisit } from '../enter.ts'
import type { Gate } from '../gate.ts'
import type { UpgradeHandler } from '../listener.ts'
import { Visit } from '../visit.ts'
import type { Opening } from './hub.ts'
import { readWanted, type Wanted } from './query.ts'
import { refuseUpgrade } from './refuse.ts'
import { eventsPath } from './route.ts'
import { closeCodes, Subscriber } from './subscriber.ts'

/** The longest message that a client may send, in bytes: there is nothing for it to say. */
const maxPayload = 4096
/** How long a closing handshake may take. */
const closeTimeout = 5000

let server: Promise<WebSocketServer> | null = null

/** Loaded by the first who comes: no other part of the gate needs it. */
function loadServer(): Promise<WebSocketServer> {
  server ??= import('ws').then(({ WebSocketServer }) => {
    const options = { noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload, closeTimeout }
    return new WebSocketServer(options).on('headers', headers => headers.push('Referrer-Policy: no-referrer'))
  })
  return server
}

/**
 * Refuses what a page of another origin began. A ticket and a Bearer token are sent by no browser unasked, so they may come
 * from anywhere; who sends nothing at all is told so over the WebSocket, unless a page is behind it.
 */
function refuseForeignPage(visit: Visit, { ticket }: Wanted): Refusal | null {
  const { kind } = findCredential(visit)
  const { headers } = visit.incoming
  const isPage = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
  if (ticket !== null || kind === 'bearer') return null
  return kind === 'cookie' || isPage ? refuseForeignOrigin(visit, true) : null
}

/** Asks for the stream with what the handshake carries: a ticket alone where there is one, else the one token. */
async function openStream(gate: Gate, visit: Visit, { ticket, since }: Wanted): Promise<Opening | Refusal> {
  if (ticket !== null) return gate.events.open({ token: null, ticket }, await visit.from(), since)
  const found = await gate.authenticator.authenticate(visit)
  if (!found.ok) return found
  return gate.events.open({ token: found.who.token, ticket: null }, await visit.from(), since)
}

async function take(gate: Gate, incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const visit = openVisit(gate, incoming)
  if (!(visit instanceof Visit)) return refuseUpgrade(socket, visit.refusal)
  const wanted = readWanted(incoming.url ?? '')
  if (!wanted.ok) return refuseUpgrade(socket, wanted)
  const foreign = refuseForeignPage(visit, wanted)
  if (foreign !== null) return refuseUpgrade(socket, foreign)
  const webSockets = await loadServer()
  const opening = await openStream(gate, visit, wanted)
  if (!opening.ok && opening.reason !== 'unauthenticated') return refuseUpgrade(socket, opening)
  if (socket.destroyed) return
  webSockets.handleUpgrade(incoming, socket, head, webSocket => {
    if (opening.ok) gate.events.admit(opening, new Subscriber(webSocket, socket, wanted.kinds))
    else turnAway(webSocket)
  })
}

/** Browsers tell a page nothing of a refused handshake, but the code that a WebSocket was closed with. */
function turnAway(webSocket: WebSocket): void {
  webSocket.on('error', () => webSocket.terminate())
  webSocket.close(closeCodes.unauthenticated, 'unauthenticated')
  setTimeout(() => webSocket.terminate(), 1000).unref()
}

/** Takes handshakes for the stream of events; a WebSocket elsewhere is an ordinary request, and answered as one. */
export function createUpgradeHandler(gate: Gate, log: Log): UpgradeHandler {
  return {
    takes({ method, url = '', headers }) {
      const path = url.split('?', 1)[0]
      return method === 'GET' && path === eventsPath && headers.upgrade?.toLowerCase() === 'websocket'
    },
    take(incoming, socket, head) {
      socket.on('error', () => socket.destroy())
      take(gate, incoming, socket, head).catch(fault => {
        log('error', 'a WebSocket broke', { fault: fault instanceof Error ? fault.stack : String(fault) })
        refuseUpgrade(socket, no('unavailable', 'something broke; the journal says more'))
      })
    },
  }
}
