/** The stream of events over a WebSocket, with the stored login. */
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { readAnswer } from '../server/client/answer.ts'
import { type HttpConnection, openWay, type Place } from './connection.ts'
import { CommandFault, RefusedFault } from './fault.ts'
import type { Follow, Message } from './monitor.ts'

/** The longest message that is taken, in bytes, and how long a handshake may take. */
const limits = { maxPayload: 1024 * 1024, handshakeTimeout: 10_000, followRedirects: false, perMessageDeflate: false }
/** The daemon asks for a sign of life twice a minute; a stream that was silent for longer is gone. */
const silenceMs = 90_000
/** The longest refusal that is read, in characters. */
const maxRefusal = 64 * 1024

/** How a WebSocket ended. */
interface End {
  readonly code: number
  readonly fault: Error | null
}

/** Makes what follows the stream at the instance's HTTP place. */
export function createFollow(place: Place, { login, renew }: HttpConnection): Follow {
  return async function* (since) {
    // Each stream has a connection of its own, made when it is known whose program is at the other end.
    const { target, agent } = await openWay(place)
    const prefix = target.prefix ?? ''
    const path = `${prefix}/postern/v1/events${since === undefined ? '' : `?since=${encodeURIComponent(since)}`}`
    const url = 'origin' in target ? `ws${target.origin.slice(4)}${path}` : `ws+unix:${target.socketPath}:${path}`
    const headers = { Authorization: `Bearer ${login()?.access_token ?? ''}` }
    const { code, fault } = yield* readMessages(new WebSocket(url, { ...limits, agent, headers }))
    agent.destroy()
    const isSaid = fault instanceof CommandFault || fault instanceof RefusedFault
    if (fault !== null) throw isSaid ? fault : new CommandFault('unreachable', fault.message)
    if (code !== 4401) throw new CommandFault('unreachable', `the stream ended (${code})`)
    if ((await renew()) === null)
      throw new RefusedFault({ ok: false, reason: 'unauthenticated', detail: 'your session has ended' })
  }
}

/** Every message of a WebSocket in order, and how it ended. */
async function* readMessages(socket: WebSocket): AsyncGenerator<Message, End> {
  const queue: Message[] = []
  let end: End | null = null
  let wake: () => void = () => {}
  let fault: Error | null = null
  let silence = setTimeout(() => {}, 0)
  const hear = () => {
    clearTimeout(silence)
    silence = setTimeout(() => socket.terminate(), silenceMs)
  }
  socket.on('ping', hear).on('open', hear)
  socket.on('message', data => {
    hear()
    queue.push(JSON.parse(String(data)) as Message)
    wake()
  })
  socket.on('unexpected-response', async (_request, response) => {
    fault = await readRefusal(response)
    socket.terminate()
  })
  socket.on('error', thrown => {
    fault ??= thrown
  })
  socket.on('close', code => {
    clearTimeout(silence)
    end = { code, fault }
    wake()
  })
  try {
    for (;;) {
      yield* queue.splice(0)
      if (queue.length > 0) continue
      if (end !== null) return end
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  } finally {
    socket.terminate()
  }
}

/** Why there is no WebSocket: postern's own refusal, or that what stands in front of it is in the way. */
async function readRefusal(response: IncomingMessage): Promise<CommandFault | RefusedFault> {
  const { statusCode: status = 0, headers } = response
  try {
    const [contentType = '', retryAfter] = [headers['content-type'], headers['retry-after']]
    const answer = readAnswer({ status, contentType, retryAfter, body: await readText(response) })
    if (!answer.ok && answer.reason !== 'upgrade_required') return new RefusedFault(answer)
  } catch {
    // Cut, or no word of postern's.
  }
  const hint = 'a proxy in front has to pass WebSockets on: postern proxy-config says how'
  return new CommandFault('unreachable', `HTTP ${status} instead of a WebSocket`, status < 500 ? hint : undefined)
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > maxRefusal) throw new Error('a refusal that has no end')
  }
  return text
}
