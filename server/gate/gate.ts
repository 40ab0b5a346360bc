/** The gate's parts, handed to its routes. */
import type { HttpBindings } from '@hono/node-server'
import { FrameError } from '../link/frame.ts'
import type { Log } from '../link/log.ts'
import type { Answer } from '../link/message.ts'
import { no } from '../operations/operation.ts'
import type { Name } from '../operations/table.ts'
import { Authenticator } from './authenticate.ts'
import { Hub } from './event/hub.ts'
import { KeeperLink } from './keeper-link.ts'
import { Memory } from './memory.ts'
import { createPeerLookup } from './peer.ts'
import { RefusalLog } from './refusal-log.ts'
import { createState, type GateState } from './state.ts'
import type { Visit } from './visit.ts'

/** What every handler finds in its context. */
export interface GateEnv {
  Bindings: HttpBindings
  Variables: { visit: Visit }
}

export interface GateOptions {
  readonly keeperSocket: string
  readonly log: Log
  /** Whenever a keeper is there, before it is talked to. */
  readonly onReached: () => void
  /** Whenever the keeper has told its settings. */
  readonly onSettings: (state: GateState) => void
}

/** One gate. */
export class Gate {
  readonly memory = new Memory()
  readonly peers = createPeerLookup()
  readonly link: KeeperLink
  readonly refusals: RefusalLog
  readonly authenticator: Authenticator
  readonly events = new Hub({ ask: (input, token, from) => this.link.request('event.subscribe', input, token, from) })
  #state: GateState | null = null

  constructor({ keeperSocket, log, onReached, onSettings }: GateOptions) {
    this.refusals = new RefusalLog(log, () => performance.now())
    this.link = new KeeperLink({
      path: keeperSocket,
      reached: onReached,
      forget: what => {
        this.memory.forget(what)
        this.events.forget(what)
      },
      event: push => this.events.push(push),
      settings: settings => {
        this.#state = createState(settings)
        onSettings(this.#state)
        this.events.settle()
      },
    })
    this.authenticator = new Authenticator({ link: this.link, memory: this.memory, state: () => this.state })
  }

  /** Null until the keeper said how to serve, and while it is away. */
  get state(): GateState | null {
    return this.link.isUp ? this.#state : null
  }

  /** Asks the keeper for an operation on behalf of a request. */
  async call(name: Name, input: unknown, token: string | null, visit: Visit): Promise<Answer> {
    const from = await visit.from()
    try {
      if (!name.startsWith('login.')) return await this.link.request(name, input, token, from)
      return await visit.whileThere(signal => this.link.request(name, input, token, from, signal))
    } catch (fault) {
      if (fault instanceof FrameError) return no('too_large', 'the input is too large')
      // JSON.stringify goes down into the input, and a hostile one is deeper than the stack.
      if (fault instanceof RangeError) return no('invalid_input', 'the input is nested too deep')
      throw fault
    }
  }
}
