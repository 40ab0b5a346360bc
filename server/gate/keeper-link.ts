/** The gate's way to the keeper: one link, made again when it is lost. */
import { connect } from 'node:net'
import { LinkClient } from '../link/client.ts'
import type { Answer, Forget, From, GateSettings, ToGate } from '../link/message.ts'
import { no } from '../operations/operation.ts'
import type { Name } from '../operations/table.ts'
import { version } from '../operations/version.ts'

const firstPauseMs = 20
// Short: the keeper is back in less than a second, and everybody waits for it.
const longestPauseMs = 50

export interface KeeperLinkOptions {
  readonly path: string
  /** Called before a keeper is talked to. */
  readonly reached: () => void
  readonly settings: (settings: GateSettings) => void
  readonly forget: (what: Forget) => void
  readonly event?: (push: Extract<ToGate, { type: 'event' }>) => void
}

/** Asks the keeper; answers `unavailable` while there is no link. */
export class KeeperLink {
  readonly #options: KeeperLinkOptions
  #client: LinkClient | null = null
  #pauseMs = firstPauseMs

  constructor(options: KeeperLinkOptions) {
    this.#options = options
    this.#connect()
  }

  /** True while the keeper is there. */
  get isUp(): boolean {
    return this.#client !== null
  }

  /** Tells the keeper what the gate serves: once for each time that it was told its settings. */
  listening(listeners: readonly string[]): void {
    this.#client?.listening(listeners)
  }

  request(operation: Name, input: unknown, token: string | null, from: From, signal?: AbortSignal): Promise<Answer> {
    const { isUp } = this
    if (this.#client === null || !isUp)
      return Promise.resolve(no('unavailable', 'the keeper is not there yet: try again'))
    return this.#client.request(operation, input, token, from, signal)
  }

  #connect(): void {
    const socket = connect(this.#options.path)
    socket.once('connect', () => {
      this.#options.reached()
      const client = new LinkClient(socket, {
        settings: settings => {
          this.#pauseMs = firstPauseMs
          this.#client = client
          this.#options.settings(settings)
        },
        forget: what => this.#options.forget(what),
        event: push => this.#options.event?.(push),
        lost: () => this.#lose(),
      })
      client.hello(version)
    })
    // A link that never came up: `lost` is told only of one that did.
    socket.once('error', () => {
      if (socket.connecting || this.#client === null) this.#retry()
    })
  }

  #lose(): void {
    this.#client = null
    // Nothing that the keeper said before counts once it may have changed its mind unheard.
    this.#options.forget('everything')
    this.#retry()
  }

  #retrying = false

  #retry(): void {
    if (this.#retrying) return
    this.#retrying = true
    setTimeout(() => {
      this.#retrying = false
      this.#connect()
    }, this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
  }
}
