/** The answering end of the link: the keeper, with a gate or a local client of root at the other end. */
import type { Socket } from 'node:net'
import * as z from 'zod'
import { no } from '../operations/operation.ts'
import { encodeFrame, FrameError, FrameReader } from './frame.ts'
import { LoginSlots } from './login-slots.ts'
import { type Answer, type Forget, type From, isLogin, maxInFlight, silenceMs, type ToGate } from './message.ts'

const from = z.strictObject({
  source: z.string().max(128),
  local: z.boolean(),
  uid: z.int().min(0).max(0xffff_ffff).nullable(),
  secure: z.boolean(),
  agent: z.string().max(256).nullable(),
}) satisfies z.ZodType<From>

/** Bytes that the other end may leave unread before the link is ended. */
const maxUnreadBytes = 8 * 1024 * 1024

/** How often a gate is asked for a sign of life before its silence is too long. */
const pingsInSilence = 5

const id = z.int().min(1)

const toKeeper = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), version: z.string().max(64) }),
  z.strictObject({
    type: z.literal('request'),
    id,
    operation: z.string().max(64),
    input: z.unknown(),
    token: z.string().max(8192).nullable(),
    from,
  }),
  z.strictObject({ type: z.literal('cancel'), id }),
  z.strictObject({ type: z.literal('acknowledge'), id }),
  z.strictObject({ type: z.literal('listening'), listeners: z.array(z.string().max(256)).max(64) }),
  z.strictObject({ type: z.literal('pong') }),
])

/** A request as it came over a link; `signal` aborts when nobody waits for the answer any more. */
export interface LinkRequest {
  readonly operation: string
  readonly input: unknown
  readonly token: string | null
  readonly from: From
  readonly signal: AbortSignal
  /** Where events can be pushed to; only a gate's. */
  readonly link?: Pick<LinkServer, 'forget' | 'isOpen' | 'send'> | undefined
}

/** What the keeper does for one link. */
export interface Service {
  /** `version` is the gate's. What it throws ends the link. */
  hello(link: LinkServer, version: string): void
  listening(link: LinkServer, listeners: readonly string[]): void
  /** Whether the operation is one of the table: an unknown one ends the link. */
  knows(operation: string): boolean
  answer(request: LinkRequest): Promise<Answer>
  /** The link is gone, and why if the other end broke the rules. */
  closed(link: LinkServer, violation: string | null): void
}

/** One link at the keeper's side. Any frame that is malformed, unknown or over a limit ends it. */
export class LinkServer {
  readonly #socket: Socket
  readonly #service: Service
  readonly #reader = new FrameReader()
  readonly #inFlight = new Map<number, AbortController>()
  readonly #forgetting = new Map<number, () => void>()
  readonly #logins = new LoginSlots()
  #lastRequest = 0
  #lastForget = 0
  #violation: string | null = null
  #pulse: NodeJS.Timeout | null = null
  #unanswered = 0

  constructor(socket: Socket, service: Service) {
    this.#socket = socket
    this.#service = service
    socket.on('data', chunk => this.#read(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#close())
  }

  /** Starts to ask for signs of life; the link ends when there is none for ten seconds. */
  keepAlive(): void {
    this.#pulse = setInterval(() => this.#ask(), silenceMs / pingsInSilence).unref()
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  /** Sends one message. */
  send(message: ToGate): void {
    if (this.#socket.destroyed) return
    this.#socket.write(encodeFrame(message))
    if (this.#socket.writableLength > maxUnreadBytes) this.end('it does not read its answers')
  }

  /** Tells the gate to forget, and resolves when it has acknowledged or the link is gone. */
  forget(what: Forget): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve()
    this.#lastForget += 1
    const forgetId = this.#lastForget
    return new Promise(resolve => {
      this.#forgetting.set(forgetId, resolve)
      this.send({ type: 'forget', id: forgetId, what })
    })
  }

  /** Ends the link, with the rule that the other end broke. */
  end(violation: string | null): void {
    this.#violation ??= violation
    this.#socket.destroy()
  }

  /** Questions without answer are counted, not seconds: a keeper that stood still itself finds the answers unread. */
  #ask(): void {
    if (this.#unanswered >= pingsInSilence) return this.end('silent for 10 s')
    this.#unanswered += 1
    this.send({ type: 'ping' })
  }

  #read(chunk: Buffer): void {
    this.#unanswered = 0
    try {
      for (const frame of this.#reader.push(chunk)) {
        this.#hear(frame)
        if (this.#socket.destroyed) return
      }
    } catch (fault) {
      if (!(fault instanceof FrameError)) throw fault
      this.end(fault.message)
    }
  }

  #hear(frame: unknown): void {
    const parsed = toKeeper.safeParse(frame)
    if (!parsed.success) return this.end('a message that the link does not know')
    const message = parsed.data
    switch (message.type) {
      case 'hello':
        return this.#service.hello(this, message.version)
      case 'request':
        return this.#request(message)
      case 'cancel':
        return this.#inFlight.get(message.id)?.abort()
      case 'acknowledge':
        return this.#acknowledge(message.id)
      case 'listening':
        return this.#service.listening(this, message.listeners)
      case 'pong':
        return
    }
  }

  #request(message: Omit<LinkRequest, 'signal' | 'link'> & { id: number }): void {
    if (message.id <= this.#lastRequest) return this.end('a request id that was used before')
    if (this.#inFlight.size >= maxInFlight) return this.end('too many requests in flight')
    if (!this.#service.knows(message.operation)) return this.end('an operation that there is not')
    const { operation, input, token, from } = message
    const countsAsLogin = isLogin(operation)
    if (countsAsLogin && !this.#logins.take(from.local)) return this.end('too many logins in flight')
    this.#lastRequest = message.id
    const abort = new AbortController()
    this.#inFlight.set(message.id, abort)
    void this.#service.answer({ operation, input, token, from, signal: abort.signal }).then(answer => {
      this.#inFlight.delete(message.id)
      if (countsAsLogin) this.#logins.free(from.local)
      this.#answer(message.id, answer)
    })
  }

  #answer(requestId: number, answer: Answer): void {
    try {
      this.send({ type: 'answer', id: requestId, answer })
    } catch (fault) {
      if (!(fault instanceof FrameError)) throw fault
      this.send({ type: 'answer', id: requestId, answer: no('unavailable', 'the answer is too large for the link') })
    }
  }

  #acknowledge(forgetId: number): void {
    const done = this.#forgetting.get(forgetId)
    if (!done) return this.end('an acknowledgement of nothing')
    this.#forgetting.delete(forgetId)
    done()
  }

  #close(): void {
    if (this.#pulse) clearInterval(this.#pulse)
    for (const abort of this.#inFlight.values()) abort.abort()
    for (const done of this.#forgetting.values()) done()
    this.#forgetting.clear()
    this.#service.closed(this, this.#violation)
  }
}
