/** Calls over HTTP with the stored login, which renews itself when its access token has ended. */
import type { Answer, Call, Name, Output, Request } from '../server/operations/table.ts'
import type { StoredLogin, StoredLogins } from './stored-logins.ts'

/** Builds a client whose calls carry what `token` gives at that moment. */
export type CreateCall = (token: () => string | null) => Call

/** A login at one origin, in use. */
export interface StoredCall {
  readonly call: Call
  /** The login as it is now; null when there is none. */
  login(): StoredLogin | null
  /** Trades the refresh token for new tokens, unless another command just did; null when the login has ended. */
  renew(): Promise<StoredLogin | null>
}

/** The tokens of an answer as they are kept; `nowMs` is when they came. */
export function toStoredLogin(tokens: Output<'login.begin'>, nowMs: number): StoredLogin {
  return {
    user: tokens.session.user.name,
    access_token: tokens.access_token ?? '',
    refresh_token: tokens.refresh_token,
    expires_at: new Date(nowMs + tokens.expires_in * 1000).toISOString(),
  }
}

/** Builds the client. Nothing is read before the first call. */
export function createStoredCall(
  createCall: CreateCall,
  logins: StoredLogins,
  origin: string,
  nowMs: () => number,
): StoredCall {
  let login: StoredLogin | null | undefined
  const current = () => {
    if (login === undefined) login = logins.find(origin)
    return login
  }
  const ask = createCall(() => current()?.access_token ?? null)
  const askWithout = createCall(() => null)

  const renew = async () => {
    const used = current()
    if (used === null) return null
    login = await logins.change(origin, async stored => {
      // Another command was quicker: its tokens are as good, and the refresh token that we knew is spent.
      if (stored === null || stored.access_token !== used.access_token) return stored
      if (stored.refresh_token === null) return null
      const answer = await askWithout('login.refresh', { refresh_token: stored.refresh_token })
      if (answer.ok) return toStoredLogin(answer.value, nowMs())
      return answer.reason === 'refresh_failed' ? null : stored
    })
    return login
  }

  const call = async <N extends Name>(name: N, input: Request<N>): Promise<Answer<N>> => {
    if (name.startsWith('login.')) return askWithout(name, input)
    const used = current()
    const answer = await ask(name, input)
    if (answer.ok || answer.reason !== 'unauthenticated' || used === null) return answer
    const renewed = await renew()
    return renewed === null || renewed.access_token === used.access_token ? answer : ask(name, input)
  }
  return { call, login: current, renew }
}
