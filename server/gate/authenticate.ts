/** Who asks: the one token of a request, and what the keeper says of it. */
import type { Refusal } from '../operations/operation.ts'
import { no } from '../operations/operation.ts'
import type { Output } from '../operations/table.ts'
import { isTokenShaped, verifyToken } from '../operations/token.ts'
import { adviseOrigin } from './advice.ts'
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
    if (/^\s*bearer(?![\w-])/i.test(value)) {
      const token = /^bearer ([^\s,]+)$/i.exec(value)?.[1]
      return token ? { kind: 'bearer', token } : { kind: 'bad', detail: 'Authorization: Bearer without one token' }
    }
  }
  const cookie = findSessionCookie(incoming.headers.cookie, visit.cookieScope)
  if (cookie.ok) return { kind: 'cookie', token: cookie.token }
  return cookie.reason === 'missing'
    ? { kind: 'none' }
    : { kind: 'bad', detail: `the session cookie is ${cookie.reason}` }
}

/** Refuses a request that sets or uses a cookie unless it comes from this very origin; a WebSocket's handshake is one. */
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
  if (answer.ok) return null
  const { client, incoming, refusals } = visit
  const advice = adviseOrigin({ headers, client, remoteAddress: incoming.socket.remoteAddress })
  const detail = advice === null ? answer.detail : `${answer.detail}; ${advice}`
  refusals?.say('origin_foreign', detail)
  return no('origin_foreign', detail)
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
    if (who !== null && isSurelyForThisConnection(who, visit)) return { ok: true, who, kind }
    return this.#authenticateSlowly(token, kind, visit)
  }

  async #authenticateSlowly(token: string, kind: 'bearer' | 'cookie', visit: Visit): Promise<Authentication> {
    for (let round = 0; round < maxRounds; round += 1) {
      const { epoch } = this.#memory
      const who = this.#memory.find(token, performance.now()) ?? (await this.#ask(token, visit, epoch))
      if (who !== null && 'ok' in who) return who
      const isRight = who !== null && (await isForThisConnection(who, visit))
      // Something was revoked meanwhile, maybe this: what was known of it counts no more.
      if (who === null || this.#memory.epoch !== epoch) continue
      return isRight ? { ok: true, who, kind } : no('unauthenticated')
    }
    return no('busy', 'sessions are being revoked: try again')
  }

  /** What the keeper says of the token; null when something was revoked before it was heard. */
  async #ask(token: string, visit: Visit, epoch: number): Promise<Remembered | Refusal | null> {
    const state = this.#state()
    if (state === null) return no('unavailable', 'the keeper is not there: try again')
    if (!(await isSigned(token, state))) return no('unauthenticated')
    const answer = await this.#link.request('session.resolve', {}, token, await visit.from())
    if (!answer.ok) return answer
    if (this.#memory.epoch !== epoch) return null
    return this.#memory.remember(token, answer.value as Output<'session.resolve'>, performance.now())
  }
}

/** Whether one of our keys signed it, so that no stranger's rubbish reaches the keeper, which ends a gate that sends it. */
async function isSigned(token: string, { keys, settings }: GateState): Promise<boolean> {
  if (!isTokenShaped(token)) return false
  if (keys === null) return true
  const ready = new Map(await Promise.all([...keys].map(async ([kid, key]) => [kid, await key] as const)))
  return (await verifyToken(token, settings.issuer, kid => ready.get(kid) ?? null)) !== null
}

/** A cookie session of loopback is one uid's, and root's token is for this machine's own people: true when no one need be asked. */
function isSurelyForThisConnection({ boundUid, localOnly }: Remembered, visit: Visit): boolean {
  return !localOnly && (boundUid === null || visit.knownUid() === boundUid)
}

async function isForThisConnection({ boundUid, localOnly }: Remembered, visit: Visit): Promise<boolean> {
  if (boundUid !== null && (await visit.uid()) !== boundUid) return false
  return !localOnly || (await visit.from()).local
}
