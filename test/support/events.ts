/** A subscriber to events, as a test needs it: everything it heard, and how it ended. */
import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

export type Heard = Readonly<Record<string, unknown>> & { readonly id: string; readonly kind: string }

export interface Listening {
  readonly heard: Heard[]
  readonly socket: WebSocket
  /** The next message that fits and was not taken yet. Rejects after five seconds, or when the stream ends first. */
  next(fits: (message: Heard) => boolean): Promise<Heard>
  /** Code it was closed with, and milliseconds since the call. */
  closed(): Promise<{ code: number; ms: number }>
  close(): Promise<void>
}

/** Status and body of a handshake that was refused. */
export class Refused extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string

  constructor(status: number, headers: Readonly<Record<string, unknown>>, text: string) {
    super(`refused with ${status}: ${text}`)
    this.status = status
    this.headers = headers
    this.text = text
  }
}

export interface Listen extends ClientOptions {
  readonly token?: string
}

/** Opens a stream at `url`, a WebSocket's. Rejects with `Refused` when the handshake is. */
export async function listen(url: string, { token, headers, ...options }: Listen = {}): Promise<Listening> {
  const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  const socket = new WebSocket(url, { ...options, headers: { ...authorization, ...headers } })
  const heard: Heard[] = []
  const taken = new Set<Heard>()
  let wake: () => void = () => {}
  let code: number | null = null
  socket.on('message', data => {
    heard.push(JSON.parse(String(data)) as Heard)
    wake()
  })
  socket.on('close', how => {
    code = how
    wake()
  })
  await opened(socket)
  const until = async (isSo: () => boolean, what: string) => {
    const endMs = performance.now() + 5000
    while (!isSo()) {
      if (performance.now() > endMs) throw new Error(`${what} did not come; heard ${JSON.stringify(heard)}, ${code}`)
      await new Promise<void>(resolve => {
        wake = resolve
        setTimeout(resolve, 50)
      })
    }
  }
  return {
    heard,
    socket,
    async next(fits) {
      const find = () => heard.find(message => !taken.has(message) && fits(message))
      await until(() => find() !== undefined || code !== null, 'the message')
      const found = find()
      if (found === undefined) throw new Error(`it ended with ${code}; heard ${JSON.stringify(heard)}`)
      taken.add(found)
      return found
    },
    async closed() {
      const startedMs = performance.now()
      await until(() => code !== null, 'the end')
      return { code: code ?? 0, ms: performance.now() - startedMs }
    },
    async close() {
      if (code !== null) return
      socket.terminate()
      await once(socket, 'close')
    },
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.once('end', () => {
        const { statusCode: status = 0, headers } = response
        reject(new Refused(status, headers, Buffer.concat(chunks).toString()))
      })
    })
  })
}
