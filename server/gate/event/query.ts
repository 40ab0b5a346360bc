/** What a subscriber asks for in the query of its handshake. */

import { type EventKind, eventKinds } from '../../operations/event-kind.ts'
import { no, type Refusal } from '../../operations/operation.ts'

export interface Wanted {
  readonly ok: true
  /** Null for all. */
  readonly kinds: ReadonlySet<EventKind> | null
  readonly since: string | undefined
  readonly ticket: string | null
}

const known = ['kinds', 'since', 'ticket']

/** The shape of `eventId`; what else would be sent on would end the gate. */
const idShape = /^[0-9a-f]{8}-\d{1,15}$/

function isKind(name: string): name is EventKind {
  return (eventKinds as readonly string[]).includes(name)
}

/** Reads the query strictly: a mistyped `kind=` must not mean everything. */
export function readWanted(target: string): Wanted | Refusal<'invalid_input'> {
  const query = new URLSearchParams(/\?(.*)/s.exec(target)?.[1])
  const names = [...query.keys()]
  const strange = names.find((name, at) => !known.includes(name) || names.indexOf(name) !== at)
  if (strange !== undefined) return no('invalid_input', 'kinds, since and ticket are expected, each once')
  const since = query.get('since') ?? undefined
  if (since !== undefined && !idShape.test(since)) return no('invalid_input', 'since: the id of an event is expected')
  const ticket = query.get('ticket')
  if (ticket !== null && !/^[\w-]{1,128}$/.test(ticket)) return no('invalid_input', 'ticket: this is none')
  const kinds = query.get('kinds')?.split(',')
  if (kinds !== undefined && !kinds.every(isKind))
    return no('invalid_input', `kinds: some of ${eventKinds.join(', ')} are expected`)
  return { ok: true, since, ticket, kinds: kinds === undefined ? null : new Set(kinds as EventKind[]) }
}
