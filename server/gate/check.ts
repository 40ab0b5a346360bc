/** access.check in front of everything else: other services ask it for each of their requests. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { routes } from '../operations/routes.generated.ts'
import { openVisit } from './enter.ts'
import type { Gate } from './gate.ts'
import type { Remembered } from './memory.ts'
import { prefix } from './native.ts'
import { jsonHeaders } from './security-headers.ts'
import { Visit } from './visit.ts'

const path = prefix + routes['access.check'].path

const headers = Object.entries(jsonHeaders).flat()

/** A question that was answered with yes, and what the answer rested on. */
interface Asked {
  readonly fields: readonly string[]
  readonly who: Remembered
  readonly epoch: number
  readonly head: string[]
}

/** Whether two requests carry the same fields, the token among them, in the same order. */
function areEqual(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((text, at) => text === others[at])
}

/** The last question of each connection: who asks again with the same words gets the same answer while nothing changed. */
class LastAsked {
  readonly #gate: Gate
  readonly #bySocket = new WeakMap<Socket, Asked>()

  constructor(gate: Gate) {
    this.#gate = gate
  }

  /** Null when the words differ, anything was forgotten since (a new configuration does that too), or its time is over. */
  find({ socket, rawHeaders }: IncomingMessage): Asked | null {
    const asked = this.#bySocket.get(socket)
    if (asked === undefined) return null
    const holds = asked.epoch === this.#gate.memory.epoch && asked.who.untilMs > performance.now()
    return holds && areEqual(asked.fields, rawHeaders) ? asked : null
  }

  /** Asks the authenticator; null when it takes more than a look into memory, a refusal included. */
  ask(incoming: IncomingMessage): Asked | null {
    const { memory, authenticator } = this.#gate
    const { epoch } = memory
    const visit = openVisit(this.#gate, incoming)
    if (!(visit instanceof Visit)) return null
    const found = authenticator.authenticate(visit)
    if (found instanceof Promise || !found.ok) return null
    const { who } = found
    const head = [...headers, 'Content-Length', String(Buffer.byteLength(who.checkBody))]
    const asked = { fields: incoming.rawHeaders, who, epoch, head }
    this.#bySocket.set(incoming.socket, asked)
    return asked
  }
}

/** Puts access.check in front of `app`, which answers all that it leaves: what takes more than memory, and every no. */
export function withCheck(gate: Gate, app: RequestListener): RequestListener {
  const lastAsked = new LastAsked(gate)
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const isCheck = incoming.url === path && incoming.method === 'GET'
    const asked = isCheck ? (lastAsked.find(incoming) ?? lastAsked.ask(incoming)) : null
    if (asked === null) return app(incoming, outgoing)
    outgoing.writeHead(200, asked.head)
    outgoing.end(asked.who.checkBody)
  }
}
