/** The stream of events over a WebSocket, with the stored login. */
import { WebSocket } from 'ws'
import { type HttpConnection, openWay, type Place } from './connection.ts'
import { CommandFault, RefusedFault } from './fault.ts'
import type { Follow, Message } from './monitor.ts'

/** The longest message that is taken, in bytes, and how long a handshake may take. */
const limits = { maxPayload: 1024 * 1024, handshakeTimeout: 10_000, followRedirects: false, perMessageDeflate: false }
/** The daemon asks for a sign of life twice a minute; a stream that was silent for longer is gone. */
const silenceMs = 90_000

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
    if (fault !== null) throw fault instanceof CommandFault ? fault : new CommandFault('unreachable', fault.message)
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
  socket.on('error', thrown => {
    fault = thrown
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
