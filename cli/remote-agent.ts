/** TLS connections of the HTTP client on which nothing is sent before the other machine's key is known to be the right one. */
import { createHash, type X509Certificate } from 'node:crypto'
import { Agent } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { ClientError } from '../server/client/error.ts'
import type { Pin } from './known-hosts.ts'

type Callback = (fault: Error | null, stream?: Duplex) => void

/** What the other end of a handshake has shown; it has proved to hold the key. */
export interface Presented {
  /** `SHA256:` and base64 of SHA-256 over the DER SubjectPublicKeyInfo. */
  readonly pin: Pin
  /** Whether a public authority vouches for the certificate, and it names the host. */
  readonly vouched: boolean
}

/** How long a connection may take, in milliseconds. */
const connectMs = 10_000

/** The pin of a certificate's public key. */
export function pinOf(certificate: X509Certificate): Pin {
  const der = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return `SHA256:${createHash('sha256').update(der).digest('base64').replace(/=+$/, '')}`
}

/** Keeps one connection open; `judge` throws for a key with which nothing is to be shared. */
export class RemoteAgent extends Agent {
  readonly #judge: (presented: Presented) => void

  constructor(judge: (presented: Presented) => void) {
    super({ keepAlive: true, maxSockets: 1 })
    this.#judge = judge
  }

  override createConnection(options: { host?: string; port?: number | string }, done: Callback): undefined {
    handshake(options.host ?? '', Number(options.port || 443)).then(
      ({ socket, presented }) => {
        try {
          this.#judge(presented)
          done(null, socket)
        } catch (fault) {
          socket.destroy()
          done(fault instanceof Error ? fault : new Error(String(fault)))
        }
      },
      (fault: Error) => done(fault),
    )
  }
}

/** What `host` shows; nothing but the handshake is sent. Rejects with a `ClientError`. */
export async function fetchPresented(host: string, port: number): Promise<Presented> {
  const { socket, presented } = await handshake(host, port)
  socket.destroy()
  return presented
}

function handshake(host: string, port: number): Promise<{ socket: TLSSocket; presented: Presented }> {
  return new Promise((resolve, reject) => {
    // The judge decides, on what the handshake has shown: a machine's own certificate is vouched for by nobody.
    const options = {
      host,
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
    } as const
    const socket = connect(isIP(host) === 0 ? { ...options, servername: host } : options)
    const timer = setTimeout(
      () => socket.destroy(new ClientError('timeout', `no connection in ${connectMs / 1000} s`)),
      connectMs,
    )
    const fail = (fault: Error) => reject(describeFault(fault))
    socket.once('error', fail)
    socket.once('close', () => {
      clearTimeout(timer)
      fail(new ClientError('interrupted', 'the connection was cut before its key was known'))
    })
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      const certificate = socket.getPeerX509Certificate()
      if (certificate === undefined) return socket.destroy(new ClientError('protocol', 'there is no certificate'))
      socket.off('error', fail)
      resolve({ socket, presented: { pin: pinOf(certificate), vouched: socket.authorized } })
    })
  })
}

function describeFault(fault: Error): Error {
  const code = (fault as NodeJS.ErrnoException).code ?? ''
  if (fault instanceof ClientError) return fault
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code === 'EPROTO')
    return new ClientError('protocol', 'what answers does not speak TLS as postern does', { cause: fault })
  return new ClientError('unreachable', `nothing answers: ${fault.message}`, { cause: fault })
}
