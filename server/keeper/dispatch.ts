/** Where the table meets its handlers: every request is parsed, authenticated, permitted and audited here. */
import { randomUUID } from 'node:crypto'
import type { From } from '../link/message.ts'
import type { LinkRequest } from '../link/server.ts'
import { type AnyOperation, no, type Refusal } from '../operations/operation.ts'
import { type Answer, findOperation, type Input, type Name } from '../operations/table.ts'
import type { Audit } from './audit/audit.ts'
import { AuditError } from './audit/error.ts'
import type { AuditEntry } from './audit/line.ts'
import type { Authenticated, Caller, Facts } from './caller.ts'
import type { Clock } from './clock.ts'
import { elapsedMs } from './instant.ts'
import { holdsPermission } from './role/permission.ts'
import type { Sessions } from './session/sessions.ts'
import { StorageFull } from './store/store.ts'

/** One handler for each operation of the table: none missing, none extra. */
export type Handlers = { readonly [N in Name]: (input: Input<N>, caller: Caller) => Promise<Answer<N>> }

/** The handlers of the nouns whose names begin so. */
export type HandlersOf<Prefix extends string> = Pick<Handlers, Extract<Name, `${Prefix}${string}`>>

export interface DispatchOptions {
  readonly handlers: Handlers
  readonly sessions: Sessions
  readonly clock: Clock
  readonly audit: Pick<Audit, 'record' | 'note'>
  /** What is believed of what a gate says of a connection. */
  readonly believe: (from: From) => Promise<From>
  /** Unknown faults: everything to the log, nothing to the client. */
  readonly logFault: (fault: unknown, context: { operation: string; id: string }) => void
}

type AnyAnswer = { readonly ok: true; readonly value: unknown } | Refusal
type AnyHandler = (input: unknown, caller: Caller) => Promise<AnyAnswer>

/** Answers one request that came through `door`. */
export type Dispatch = (request: LinkRequest, door: Caller['door']) => Promise<AnyAnswer>

function checkAccess(access: AnyOperation['access'], who: Authenticated | null, clock: Clock): Refusal | null {
  if (access === 'public') return null
  if (who === null) return no('unauthenticated')
  if (access === 'session') return null
  if (!holdsPermission(who.permissions, access.permission)) return no('forbidden', `${access.permission} is needed`)
  const { max_auth_age_seconds: maxAge } = access
  if (maxAge === undefined || who.session.kind === 'root') return null
  // A ticket's session proves that the machine let somebody in, not that a person is here now.
  const isFresh = elapsedMs(who.session.began, clock) < maxAge * 1000 && !who.session.amr.includes('ticket')
  return isFresh ? null : no('reauthentication_required', `log in again: this needs a login of the last ${maxAge} s`)
}

/** What is wrong with an input; bounded, for it names members as they were sent. */
function describeIssues(issues: readonly { path: PropertyKey[]; message: string }[]): string {
  return issues
    .slice(0, 8)
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ')
    .slice(0, 500)
}

/** What the audit trail says of a call, whatever its operation. */
function entryOf(request: LinkRequest, door: Caller['door'], who: Authenticated | null): Omit<AuditEntry, 'outcome'> {
  return {
    event: request.operation,
    source: door === 'root' ? 'root' : request.from.source,
    ...(who && { user: who.identity.name, identity: who.identity.id, session: who.session.id }),
  }
}

function isFull(fault: unknown): boolean {
  return fault instanceof StorageFull || (fault instanceof AuditError && fault.code === 'storage_full')
}

/** Refusals that are no events: a step on the way, a client's own mistake, and what a flood would fill the disk with. */
const unremarkable: readonly unknown[] = [
  'login_continues',
  'invalid_input',
  'throttled',
  'busy',
  'unauthenticated',
  'not_local',
  'somebody_else',
  'no_such_login',
  'no_such_ticket',
  'no_such_refresh_token',
  'refresh_token_over',
]

/** Whether the audit trail hears of it. */
function isEvent({ audit: when }: AnyOperation, answer: AnyAnswer, facts: Facts): boolean {
  if (when === undefined || (when === 'refusals' && answer.ok)) return false
  return answer.ok || !unremarkable.includes(facts.reason ?? answer.reason)
}

/** The members of a checked input that the trail tells. */
function toldOf({ trail = [] }: AnyOperation, input: Readonly<Record<string, unknown>>): Facts {
  const told = trail.map(name => [name, input[name]] as const)
  return Object.fromEntries(
    told.flatMap(([name, value]) =>
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [[name, value]] : [],
    ),
  )
}

/** Builds the dispatcher. */
export function createDispatch({ handlers, sessions, clock, audit, believe, logFault }: DispatchOptions): Dispatch {
  /** What came of it. It has happened by now: what the trail cannot take goes to the journal, and changes no answer. */
  async function note(entry: Omit<AuditEntry, 'outcome'>, outcome: AuditEntry['outcome'], facts: Facts) {
    const { user, identity, session, reason, ...detail } = facts
    await audit.note({
      ...entry,
      ...(user !== undefined && { user: String(user) }),
      ...(identity !== undefined && { identity: String(identity) }),
      ...(session !== undefined && { session: String(session) }),
      outcome,
      ...(outcome !== 'ok' && reason !== undefined && { reason: String(reason) }),
      detail: { ...entry.detail, ...detail },
    })
  }

  async function run(request: LinkRequest, door: Caller['door'], operation: AnyOperation): Promise<AnyAnswer> {
    const who = request.token === null ? null : await sessions.resolve(request.token, request.from)
    const input = operation.input.safeParse(request.input)
    const entry = {
      ...entryOf(request, door, who),
      ...(input.success && operation.trail !== undefined && { detail: toldOf(operation, input.data) }),
    }
    const refusal =
      checkAccess(operation.access, who, clock) ??
      (input.success ? null : no('invalid_input', describeIssues(input.error.issues)))
    // The intention is on the disk before the effect: what happened is in the trail even if the keeper falls here.
    if (refusal === null && operation.audit === 'always' && operation.access !== 'public')
      await audit.record({ ...entry, outcome: 'intended' })
    const facts: Record<string, Facts[string]> = {}
    const caller: Caller = {
      door,
      from: request.from,
      authenticated: who,
      signal: request.signal,
      link: request.link,
      note: more => Object.assign(facts, more),
    }
    const handler = handlers[request.operation as Name] as AnyHandler
    let answer: AnyAnswer
    try {
      answer = refusal ?? (await handler(input.data, caller))
    } catch (fault) {
      if (operation.audit !== undefined) await note(entry, 'failed', facts)
      throw fault
    }
    if (isEvent(operation, answer, facts))
      await note(entry, answer.ok ? 'ok' : 'refused', answer.ok ? facts : { reason: answer.reason, ...facts })
    return answer.ok ? { ok: true, value: operation.output.parse(answer.value) } : answer
  }

  return async (request, door) => {
    const operation = findOperation(request.operation)
    if (operation === null) return no('not_found', 'there is no such operation')
    try {
      // Who comes by root.sock was described by the keeper itself.
      const from = door === 'root' ? request.from : await believe(request.from)
      return await run({ ...request, from }, door, operation)
    } catch (fault) {
      if (isFull(fault)) return no('storage_full', 'the disk is full: free some room and try again')
      const id = randomUUID()
      logFault(fault, { operation: request.operation, id })
      return no('unavailable', `something broke; the journal says more under ${id}`)
    }
  }
}
