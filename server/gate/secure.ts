/** HTTPS: a server whose certificate can be replaced while it runs, and that answers plain HTTP on its port. */
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Material } from '../link/message.ts'

/** How long a connection may take to say its first byte, and to shake hands, in milliseconds. */
const handshakeMs = 10_000

/** The first byte of a TLS connection: a record of the handshake (RFC 8446 §5.1). No HTTP request begins with it. */
const handshakeRecord = 0x16

/** Forward secrecy and authenticated encryption, nothing else (RFC 9325); those of TLS 1.3 are all of that kind. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** What a context is made of; also when it is replaced, or the new one would be of Node.js's defaults. */
function contextOf({ certificate, key }: Material) {
  return {
    cert: certificate,
    key,
    ciphers,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ecdhCurve: 'X25519:P-256:P-384',
    honorCipherOrder: true,
  } as const
}

/** A server of HTTPS that is given its connections. */
export interface SecureServer {
  readonly server: Server
  /** A connection that was accepted. */
  take(socket: Socket): void
  /** Connections that are there keep what they have; new ones get this. */
  replace(material: Material): void
}

/** Makes one; `plain` answers what comes unencrypted. `limits` are those of a server of plain HTTP. */
export async function createSecureServer(
  limits: object,
  material: Material,
  { request, plain }: { request: RequestListener; plain: RequestListener },
): Promise<SecureServer> {
  // Loaded where it is used: most gates serve this machine alone.
  const { createServer } = await import('node:https')
  const options = { ...limits, ...contextOf(material), ALPNProtocols: ['http/1.1'], handshakeTimeout: handshakeMs }
  const server = createServer(options, request)
  // A handshake of a WebSocket is answered like any other request.
  const plainServer = createPlainServer({ ...limits, keepAlive: false, shouldUpgradeCallback: () => false }, plain)
  // A request that waits for a go-ahead gets its answer instead, before it has sent what it must not.
  plainServer.on('checkContinue', plain)
  // Node.js begins to watch over slow requests when a server listens; these never do.
  for (const one of [server, plainServer]) one.emit('listening')
  return {
    server,
    take: socket => tellApart(socket, isTls => (isTls ? server : plainServer).emit('connection', socket)),
    replace: next => server.setSecureContext(contextOf(next)),
  }
}

/** Waits for the first byte, which stays unread. A connection that sends none, or a plain one that dawdles, is ended. */
function tellApart(socket: Socket, told: (isTls: boolean) => void): void {
  const deadline = setTimeout(() => socket.destroy(), handshakeMs)
  const onError = () => socket.destroy()
  socket.once('close', () => clearTimeout(deadline))
  socket.on('error', onError)
  socket.once('readable', () => {
    const bytes = socket.read() as Buffer | null
    if (bytes === null) return socket.destroy()
    const isTls = bytes[0] === handshakeRecord
    // A plain connection is for one answer.
    if (isTls) clearTimeout(deadline)
    socket.off('error', onError)
    socket.unshift(bytes)
    told(isTls)
  })
}
