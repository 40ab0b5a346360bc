/** HTTP as a test needs it: any header, any source address, the whole answer. */
import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { connectAs } from './connect-as.ts'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; throws when it is none. */
  json(): Record<string, unknown>
}

export interface Ask {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** An object is sent as JSON, URLSearchParams as a form, a string and bytes as they are. */
  readonly body?: unknown
  readonly token?: string
  /** Another address of 127.0.0.0/8 to come from. */
  readonly localAddress?: string
  readonly socketPath?: string
  /** Another user to come from, over TCP. */
  readonly uid?: number
  readonly signal?: AbortSignal
  /** Who is believed to sign the certificate of an https URL. */
  readonly ca?: Buffer
  /** Keeps connections, for many requests on one. */
  readonly agent?: Agent
}

function encode(body: unknown): { text: string | Buffer; headers: OutgoingHttpHeaders } {
  if (body === undefined) return { text: '', headers: {} }
  if (typeof body === 'string' || Buffer.isBuffer(body)) return { text: body, headers: {} }
  if (body instanceof URLSearchParams)
    return { text: body.toString(), headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }
  return { text: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
}

/** Asks `url` once, on a connection of its own unless there is an agent. */
export async function ask(url: string, { method, headers, body, token, uid, ...options }: Ask = {}): Promise<Reply> {
  const encoded = encode(body)
  const { hostname, port } = new URL(url)
  const socket = uid === undefined ? null : await connectAs(uid, Number(port), hostname.replace(/[[\]]/g, ''))
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? requestSecurely : request
    const outgoing = send(
      url,
      {
        // Node.js asks an agent for its connection, if there is one.
        ...(socket === null ? { agent: false } : { createConnection: () => socket }),
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { ...encoded.headers, ...(token !== undefined && { Authorization: `Bearer ${token}` }), ...headers },
        ...options,
      },
      incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', chunk => chunks.push(chunk))
        incoming.once('error', reject)
        incoming.once('end', () => {
          const text = Buffer.concat(chunks).toString()
          const { statusCode: status = 0, headers: fields } = incoming
          resolve({ status, headers: fields, text, json: () => JSON.parse(text) as Record<string, unknown> })
        })
      },
    )
    outgoing.once('error', reject)
    outgoing.end(encoded.text)
  })
}
