/** Who asks: the one token of a request, and what the keeper says of it. */
import type { Refusal } from '../operations/operation.ts'
import { no } from '../operations/operation.ts'
import type { Output } from '../operations/table.ts'
import { verifyToken } from '../operations/token.ts'
import { findSessionCookie } from './cookie.ts'
import { headerValues } from './header.ts'
import type { KeeperLink } from './keeper-link.ts'
import type { Memory, Remembered } from './memory.ts'
import { checkOrigin } from './origin.ts'
import type { GateState } from './state.ts'
import type { Visit } from './visit.ts'

/** The token that a request presents, and by which way. */
export type Credential =
  | { readonly kind: 'bearer' | 'cookie'; readonly token: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly detail: string }

/** A known session, or a no. */
export type Authentication =
  | { readonly ok: true; readonly who: Remembered; readonly kind: 'bearer' | 'cookie' }
  | Refusal

/** Rounds of asking while the keeper keeps changing its mind. */
const maxRounds = 5

/** Methods that change nothing (RFC 9110 §9.2.1). */
export function isSafeMethod(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}

/** Finds the token. A Bearer field is final, good or bad (RFC 6750 §2.1): the cookie is not looked at then. */
export function findCredential(visit: Visit): Credential {
  const { incoming } = visit
  if (incoming.headers.authorization !== undefined) {
    const [value = '', second] = headerValues(incoming.rawHeaders, 'authorization')
    if (second !== undefined) return { kind: 'bad', detail: 'more than one Authorization field' }
    const [scheme = '', token = '', rest] = value.split(' ')
    if (scheme.toLowerCase() === 'bearer') {
      const isToken = token !== '' && rest === undefined
      return isToken ? { kind: 'bearer', token } : { kind: 'bad', detail: 'Authorization: Bearer without a token' }
    }
  }
  const cookie = findSessionCookie(incoming.headers.cookie, visit.cookieScope)
  if (cookie.ok) return { kind: 'cookie', token: cookie.token }
  return cookie.reason === 'missing'
    ? { kind: 'none' }
    : { kind: 'bad', detail: `the session cookie is ${cookie.reason}` }
}

/** Refuses a request that sets or uses a cookie unless it comes from this very origin. */
export function refuseForeignOrigin(visit: Visit, websocket = false): Refusal<'origin_foreign'> | null {
  const { headers, method = 'GET' } = visit.incoming
  const answer = checkOrigin({
    method,
    websocket,
    secFetchSite: joined(headers['sec-fetch-site']),
    origin: headers.origin,
    scheme: visit.client.scheme,
    host: visit.host?.authority ?? headers.host ?? null,
  })
  return answer.ok ? null : no('origin_foreign', answer.detail)
}

function joined(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ')
}

/** Authenticates requests: from memory where the keeper was asked before. */
export class Authenticator {
  readonly #link: KeeperLink
  readonly #memory: Memory
  readonly #state: () => GateState | null

  constructor({ link, memory, state }: { link: KeeperLink; memory: Memory; state: () => GateState | null }) {
    this.#link = link
    this.#memory = memory
    this.#state = state
  }

  /** The session behind a request. Without a promise where it is remembered: a promise costs a tenth of the whole answer. */
  authenticate(visit: Visit): Authentication | Promise<Authentication> {
    const credential = findCredential(visit)
    if (credential.kind === 'none') return no('unauthenticated')
    if (credential.kind === 'bad') return no('unauthenticated', credential.detail)
    if (credential.kind === 'cookie' && !isSafeMethod(visit.incoming.method)) {
      const foreign = refuseForeignOrigin(visit)
      if (foreign) return foreign
    }
    const { token, kind } = credential
    const who = this.#memory.find(token, performance.now())
    if (who === null) return this.#askAndBind(token, kind, visit)
    return bind(who, kind, visit)
  }

  async #askAndBind(token: string, kind: 'bearer' | 'cookie', visit: Visit): Promise<Authentication> {
    const who = await this.#ask(token, visit)
    return 'ok' in who ? who : bind(who, kind, visit)
  }

  async #ask(token: string, visit: Visit): Promise<Remembered | Refusal> {
    if (!(await this.#isSigned(token))) return no('unauthenticated')
    const from = await visit.from()
    for (let round = 0; round < maxRounds; round += 1) {
      const { epoch } = this.#memory
      const answer = await this.#link.request('session.resolve', {}, token, from)
      if (!answer.ok) return answer
      // Something was revoked since the keeper answered, maybe this: what it said counts no more.
      if (this.#memory.epoch !== epoch) continue
      return this.#memory.remember(token, answer.value as Output<'session.resolve'>, performance.now())
    }
    return no('busy', 'sessions are being revoked: try again')
  }

  /** Whether one of our keys signed it, so that no stranger's rubbish reaches the keeper. */
  async #isSigned(token: string): Promise<boolean> {
    const state = this.#state()
    if (state === null) return false
    const { keys, settings } = state
    if (keys === null) return true
    const ready = new Map(await Promise.all([...keys].map(async ([kid, key]) => [kid, await key] as const)))
    return (await verifyToken(token, settings.issuer, kid => ready.get(kid) ?? null)) !== null
  }
}

/** A cookie session of plain loopback is one uid's, and root's token is for this machine's own people. */
function bind(who: Remembered, kind: 'bearer' | 'cookie', visit: Visit): Authentication | Promise<Authentication> {
  const { boundUid, localOnly } = who
  const isUidRight = boundUid === null || visit.knownUid() === boundUid
  return isUidRight && !localOnly ? { ok: true, who, kind } : bindSlowly(who, kind, visit)
}

async function bindSlowly(who: Remembered, kind: 'bearer' | 'cookie', visit: Visit): Promise<Authentication> {
  const { boundUid, localOnly } = who
  if (boundUid !== null && (await visit.uid()) !== boundUid) return no('unauthenticated')
  if (localOnly && !(await visit.from()).local) return no('unauthenticated')
  return { ok: true, who, kind }
}
