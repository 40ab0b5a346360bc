/** The asking end of the link: gate to keeper, and root's CLI to keeper. */
import type { Socket } from 'node:net'
import { encodeFrame, FrameError, FrameReader } from './frame.ts'
import { LoginSlots } from './login-slots.ts'
import { type Answer, type From, isLogin, maxInFlight, type ToGate, type ToKeeper } from './message.ts'

/** What the keeper tells unasked. Each is called before the next frame is looked at. */
export interface Listener {
  settings?(settings: Extract<ToGate, { type: 'settings' }>['settings']): void
  forget?(what: Extract<ToGate, { type: 'forget' }>['what']): void
  event?(push: Extract<ToGate, { type: 'event' }>): void
  /** The link is gone, once; every answer still awaited has become `unavailable`. */
  lost?(): void
}

const unavailable: Answer = { ok: false, reason: 'unavailable', detail: 'the keeper does not answer' }
const cut: Answer = { ok: false, reason: 'busy', detail: 'the request was cut' }
/** As long as a refused login takes: by then there is a place. */
const busy: Answer = {
  ok: false,
  reason: 'busy',
  detail: 'too many requests are in flight',
  more: { retry_after: 2 },
}

/** Asks over a connected socket. A frame from the keeper that breaks the rules ends the link. */
export class LinkClient {
  readonly #socket: Socket
  readonly #listener: Listener
  readonly #reader = new FrameReader()
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #lastId = 0
  readonly #logins = new LoginSlots()
  #lost = false

  constructor(socket: Socket, listener: Listener = {}) {
    this.#socket = socket
    this.#listener = listener
    socket.on('data', chunk => this.#read(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#lose())
  }

  /** Says hello; a gate is answered with its settings. */
  hello(version: string): void {
    this.#send({ type: 'hello', version })
  }

  /**
   * Asks for one operation. Answers `busy` at once when too much is in flight, `unavailable` when the link is lost;
   * a `signal` that aborts tells the keeper that nobody waits any more. Throws `FrameError` for an oversized input.
   */
  request(operation: string, input: unknown, token: string | null, from: From, signal?: AbortSignal): Promise<Answer> {
    const countsAsLogin = isLogin(operation)
    if (this.#lost) return Promise.resolve(unavailable)
    if (signal?.aborted) return Promise.resolve(cut)
    if (this.#waiting.size >= maxInFlight) return Promise.resolve(busy)
    const id = this.#lastId + 1
    const frame = encodeFrame({ type: 'request', id, operation, input, token, from } satisfies ToKeeper)
    if (countsAsLogin && !this.#logins.take(from.local)) return Promise.resolve(busy)
    this.#lastId = id
    return new Promise(resolve => {
      const cancel = () => this.#send({ type: 'cancel', id })
      this.#waiting.set(id, answer => {
        if (countsAsLogin) this.#logins.free(from.local)
        signal?.removeEventListener('abort', cancel)
        resolve(answer)
      })
      this.#socket.write(frame)
      signal?.addEventListener('abort', cancel, { once: true })
      if (signal?.aborted) cancel()
    })
  }

  /** Tells that the gate serves. */
  listening(listeners: readonly string[]): void {
    this.#send({ type: 'listening', listeners })
  }

  /** Ends the link. */
  close(): void {
    this.#socket.destroy()
  }

  #send(message: ToKeeper): void {
    if (!this.#lost) this.#socket.write(encodeFrame(message))
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) this.#hear((message ?? {}) as ToGate)
    } catch (fault) {
      if (!(fault instanceof FrameError)) throw fault
      this.#socket.destroy()
    }
  }

  #hear(message: ToGate): void {
    switch (message.type) {
      case 'answer': {
        const settle = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        return settle?.(message.answer)
      }
      case 'forget':
        this.#listener.forget?.(message.what)
        return this.#send({ type: 'acknowledge', id: message.id })
      case 'settings':
        return this.#listener.settings?.(message.settings)
      case 'event':
        return this.#listener.event?.(message)
      case 'ping':
        return this.#send({ type: 'pong' })
      case 'bye':
        return
      default:
        throw new FrameError('a message that the link does not know')
    }
  }

  #lose(): void {
    if (this.#lost) return
    this.#lost = true
    for (const settle of this.#waiting.values()) settle(unavailable)
    this.#waiting.clear()
    this.#listener.lost?.()
  }
}
