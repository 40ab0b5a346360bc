/** A link that says whatever it is told to say, and otherwise behaves like a gate. */
import type { Socket } from 'node:net'
import { encodeFrame, FrameReader } from '../../../server/link/frame.ts'
import type { Answer, ToGate } from '../../../server/link/message.ts'
import { version } from '../../../server/operations/version.ts'

/** What a gate says of an ordinary connection. */
export const from = { source: '192.0.2.1', local: false, uid: null, secure: true, agent: 'evil' }

/** Speaks to the keeper by hand: ids, frames and all; pings and forgets are answered. */
export class EvilLink {
  readonly answers = new Map<number, Answer>()
  /** True once it was told its settings. */
  isGreeted = false
  isEnded = false
  readonly #socket: Socket
  readonly #waiting = new Set<() => void>()
  #lastId = 0

  constructor(socket: Socket) {
    this.#socket = socket
    const reader = new FrameReader()
    socket.on('data', chunk => {
      for (const message of reader.push(chunk)) this.#hear(message as ToGate)
      this.#wake()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.isEnded = true
      this.#wake()
    })
  }

  /** Says hello and waits for the settings, or the end. */
  async greet(): Promise<this> {
    this.say({ type: 'hello', version })
    await this.#until(() => this.isGreeted)
    return this
  }

  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  say(message: unknown): void {
    this.write(encodeFrame(message))
  }

  /** Asks, and waits for the answer; null when the link is ended instead. */
  async ask(operation: string, input: unknown, token: string | null, more: object = {}): Promise<Answer | null> {
    const id = this.nextId()
    this.say({ type: 'request', id, operation, input, token, from, ...more })
    return this.answerTo(id)
  }

  /** The answer to that request; null when the link is ended before. */
  async answerTo(id: number): Promise<Answer | null> {
    await this.#until(() => this.answers.has(id))
    return this.answers.get(id) ?? null
  }

  /** Says no more, and waits until the keeper has closed its end too. */
  async finish(): Promise<void> {
    this.#socket.end()
    await this.ended()
  }

  /** Waits for the end. */
  ended(): Promise<void> {
    return this.#until(() => false)
  }

  #hear(message: ToGate): void {
    if (message.type === 'answer') this.answers.set(message.id, message.answer)
    else if (message.type === 'settings') this.isGreeted = true
    else if (message.type === 'ping') this.say({ type: 'pong' })
    else if (message.type === 'forget') this.say({ type: 'acknowledge', id: message.id })
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const check = () => {
        if (!isSo() && !this.isEnded) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }
}
