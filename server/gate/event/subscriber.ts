/** One WebSocket: what it is sent, and the bounds on what it may send and leave unread. */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ReadyMessage } from '../../operations/event.ts'
import type { EventKind } from '../../operations/event-kind.ts'

/** Why a stream is ended (RFC 6455 §7.4; from 4000 on ours). */
export const closeCodes = {
  shutdown: 1001,
  talkative: 1008,
  unauthenticated: 4401,
  slow: 4408,
} as const

/** Bytes that a subscriber may leave unread of what happens, and on top of that of what it had missed. */
const maxUnreadBytes = 256 * 1024
const maxMissedBytes = 1024 * 1024
/** Pings that a client may send between two of ours. */
const maxPings = 60

export class Subscriber {
  readonly kinds: ReadonlySet<EventKind> | null
  /** The last event that it was served up to, whether or not that was for it. */
  at = ''
  readonly #socket: WebSocket
  readonly #connection: Duplex
  #isAlive = true
  /** What it was sent of the past, until that is read. */
  #missedBytes = 0
  #pings = 0

  /** `connection` is what the WebSocket runs on; `kinds` are those that are wanted, null for all. */
  constructor(socket: WebSocket, connection: Duplex, kinds: ReadonlySet<EventKind> | null) {
    this.#socket = socket
    this.#connection = connection
    this.kinds = kinds
    socket.on('error', () => socket.terminate())
    socket.on('pong', () => {
      this.#isAlive = true
    })
    socket.on('ping', () => {
      this.#pings += 1
      if (this.#pings > maxPings) this.close('talkative')
    })
    // There is nothing to be said here: who talks has mistaken this for something else.
    socket.on('message', () => this.close('talkative'))
  }

  /** Calls `gone` when the connection has ended. */
  whenGone(gone: () => void): void {
    this.#socket.once('close', gone)
  }

  /** Sends the words that a stream begins with. */
  begin(message: ReadyMessage): void {
    this.#send(Buffer.from(JSON.stringify(message)))
  }

  /** Sends an event, given as JSON, if it is of a kind that is wanted. */
  tell(kind: EventKind, json: Buffer): void {
    if (this.#socket.bufferedAmount <= maxUnreadBytes) this.#missedBytes = 0
    if (this.#wants(kind)) this.#send(json)
  }

  /** Sends an event that it had missed: of those there may be more at once than it can read at once. */
  tellMissed(kind: EventKind, json: Buffer): void {
    if (!this.#wants(kind)) return
    this.#missedBytes = Math.min(this.#missedBytes + json.length, maxMissedBytes)
    this.#send(json)
  }

  /** Asks for a sign of life; who gave none since the last time is gone. */
  ask(): void {
    if (!this.#isAlive) return this.#socket.terminate()
    this.#isAlive = false
    this.#pings = 0
    this.#socket.ping()
  }

  close(why: keyof typeof closeCodes): void {
    this.#socket.close(closeCodes[why], why)
    // Without waiting for a goodbye: thousands may have to go within a second.
    if (why === 'unauthenticated') this.#connection.end()
  }

  /** Cuts who has not gone by itself. */
  cut(): void {
    this.#socket.terminate()
  }

  #wants(kind: EventKind): boolean {
    return this.kinds === null || this.kinds.has(kind)
  }

  #send(json: Buffer): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount > maxUnreadBytes + this.#missedBytes) return this.close('slow')
    this.#socket.send(json, { binary: false })
  }
}
