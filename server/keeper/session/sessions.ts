/** Sessions: made by a login, found by their token, renewed, ended. */
import type { From } from '../../link/message.ts'
import { verifyToken } from '../../operations/token.ts'
import type { Authenticated } from '../caller.ts'
import type { Random } from '../clock.ts'
import { elapsedMs, instantNow } from '../instant.ts'
import type { SigningKeys } from '../signing/keys.ts'
import type { Grant } from '../store/grant.ts'
import type { Identity } from '../store/identity.ts'
import type { Session } from '../store/session.ts'
import { issueAccessToken } from '../token/issue.ts'
import { createOpaqueToken, hashOpaqueToken } from '../token/opaque.ts'
import { Accounts, type AccountsOptions } from './accounts.ts'
import { accessRemainingMs, judgeRefresh, longestRemainingMs } from './rule.ts'

/** What sessions are made of; `lifetimes` are in milliseconds. */
export interface SessionsOptions extends AccountsOptions {
  readonly keys: () => SigningKeys
  readonly random: Random
  readonly issuer: () => string
  readonly lifetimes: () => { accessMs: number; refreshMs: number; maxMs: number; cookieMs: number; idleMs: number }
  /** Roles and permissions as the configuration now gives them. */
  readonly rights: (identity: Identity, roleCap: string | null) => { roles: string[]; permissions: string[] }
}

/** How a new session comes about. */
export interface Login {
  readonly identity: Identity
  readonly kind: Session['kind']
  readonly amr: readonly string[]
  readonly from: From
  readonly expiresMs?: number | undefined
  readonly audience?: readonly string[] | undefined
  readonly roleCap?: string | undefined
}

/** The tokens of a session, as they are handed out. */
export interface IssuedTokens {
  readonly accessToken: string
  readonly refreshToken: string | null
  readonly expiresMs: number
  readonly session: Session
  readonly identity: Identity
}

/** Is told which sessions were ended, before that is answered. */
type EndListener = (ids: readonly string[], sessions: readonly Session[]) => Promise<void>

/** What a stream of events goes by instead of a token: the access token that it was asked for with. */
export interface Holder {
  readonly jti: string
  readonly session: string
  readonly identity: string
}

/** Hears why a refresh was refused, for the audit trail. */
type TellRefusal = (facts: { readonly [fact: string]: string }) => void

/** Grants kept of one session, so that the reuse of an old refresh token is seen. */
const keptGrants = 1000

/**
 * The uid that a cookie is bound to. Browsers send cookies to every port of a loopback name, another user's included, and
 * let those replace them; `Secure` and `__Host-` change nothing of that, the uid does. What came by HTTPS from no uid of
 * this machine came by a proxy, whose uid says nothing.
 */
function uidToBind({ source, uid, secure }: From): number | null {
  return source.startsWith('uid:') || !secure ? uid : null
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #accounts: Accounts
  /** Access tokens seen since the start: a successor in here was used, so its answer was not lost. */
  readonly #used = new Map<string, true>()
  readonly #refreshing = new Map<string, Promise<unknown>>()
  readonly #endListeners: EndListener[] = []
  readonly #beginListeners: ((session: Session, identity: Identity) => void)[] = []
  readonly #startedMs: number

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#accounts = new Accounts(options)
    this.#startedMs = options.clock.monotonicMs()
  }

  /** Makes a session and its first tokens. */
  async begin(login: Login): Promise<IssuedTokens> {
    const { store, clock, random } = this.#options
    const now = instantNow(clock)
    const session: Session = {
      // Typed at a command line, where a dash would begin an option.
      id: random(16).toString('base64url').replace(/^-/, '_'),
      identity: login.identity.id,
      kind: login.kind,
      amr: login.amr,
      source: login.from.source,
      agent: login.from.agent,
      boundUid: login.kind === 'cookie' ? uidToBind(login.from) : null,
      roleCap: login.roleCap ?? null,
      audience: login.audience ?? [],
      began: now,
      used: now,
      ...this.#spans(login),
    }
    const { grant, refreshToken } = this.#createGrant(session, this.#accessMs(login, session))
    await store.sessions.add(session, grant)
    this.#accounts.saw(session.identity)
    for (const listener of this.#beginListeners) listener(session, login.identity)
    return this.#issue(session, login.identity, grant, refreshToken)
  }

  /** The session behind a token, or null: a bad signature, an end, another uid's connection, a token for local use only. */
  async resolve(token: string, from: From): Promise<Authenticated | null> {
    const { keys, issuer } = this.#options
    const claims = await verifyToken(token, issuer(), keys().find)
    if (claims === null) return null
    // Before the store is read: a refresh that asks meanwhile must know that this token did arrive.
    this.#markUsed(claims.jti)
    return this.resolveHolder({ jti: claims.jti, session: claims.sid, identity: claims.sub }, from)
  }

  /** The same for who showed that token before; nothing of it is verified here. Ends a session whose account may not have it any more. */
  async resolveHolder(holder: Holder, from: From): Promise<Authenticated | null> {
    const seen = await this.#find(holder, from)
    if (seen === null || seen.session.kind === 'root') return seen
    const looked = this.#accounts.find(seen.identity.id)
    const hasAccount = await looked
    // A look-up takes its time: meanwhile the session may have been ended, and the groups are others now.
    const who = looked instanceof Promise ? await this.#find(holder, from) : seen
    if (who === null || (hasAccount !== false && this.#accounts.isLetIn(who.session, who.identity))) return who
    await this.end(who.session.id)
    return null
  }

  /** Counts as a use of a cookie session; others have no idle time. */
  async touch(session: Session): Promise<void> {
    if (session.idleMs !== null) await this.#options.store.sessions.setUsed(session.id, instantNow(this.#options.clock))
  }

  /** Trades a refresh token; null refuses, and `tell` hears why. Reuse of a spent one ends the session. */
  async refresh(refreshToken: string, from: From, tell: TellRefusal = () => {}): Promise<IssuedTokens | null> {
    const hash = hashOpaqueToken(refreshToken)
    const grant = await this.#options.store.grants.findByRefreshHash(hash)
    if (grant !== null) return this.#inTurn(grant.session, () => this.#refresh(hash, from, tell))
    tell({ reason: 'no_such_refresh_token' })
    return null
  }

  /** Ends a session in the store, with the login links that it made, and in every gate. Whether there was one. */
  async end(id: string): Promise<boolean> {
    const { store, forget } = this.#options
    const session = await store.sessions.find(id)
    const removed = await store.sessions.remove(id)
    await forget({ session: id })
    if (removed && session !== null) await this.#tellEnded([session])
    return removed
  }

  /** Ends all sessions of an identity but `except`, and the login links for it; how many sessions. */
  async endAll(identity: string, except: string | null): Promise<number> {
    const { store, forget } = this.#options
    const ended: Session[] = []
    try {
      await store.tickets.clear({ identity })
      for (;;) {
        const sessions = await store.sessions.list({ identity, limit: 200 })
        const doomed = sessions.filter(session => session.id !== except)
        if (doomed.length === 0) break
        for (const session of doomed) if (await store.sessions.remove(session.id)) ended.push(session)
      }
    } finally {
      // Also when the store failed on the way: what is gone there is gone in the gates.
      await forget({ identity })
    }
    await this.#tellEnded(ended)
    return ended.length
  }

  /** From now on tells `listener` which sessions were ended, before the end is answered. */
  whenEnded(listener: EndListener): void {
    this.#endListeners.push(listener)
  }

  /** From now on tells `listener` which sessions begin. */
  whenBegun(listener: (session: Session, identity: Identity) => void): void {
    this.#beginListeners.push(listener)
  }

  /** Ends the sessions whose time is over. */
  async sweep(): Promise<void> {
    const { store, clock } = this.#options
    for (const session of await store.sessions.listEnded(instantNow(clock), 500)) await this.end(session.id)
    while (this.#used.size > 65_536) this.#used.delete(this.#used.keys().next().value ?? '')
  }

  async #find(holder: Holder, from: From): Promise<Authenticated | null> {
    const { store, clock } = this.#options
    const [grant, session, identity] = await Promise.all([
      store.grants.find(holder.jti),
      store.sessions.find(holder.session),
      store.identities.find(holder.identity),
    ])
    if (grant === null || session === null || identity === null) return null
    if (grant.session !== session.id || session.identity !== identity.id) return null
    if (accessRemainingMs(grant, session, clock) <= 0) return null
    if (session.boundUid !== null && from.uid !== session.boundUid) return null
    if (session.kind === 'root' && !from.local) return null
    return { session, identity, grant, ...this.#options.rights(identity, session.roleCap) }
  }

  #spans({ kind, expiresMs }: Login): { lifetimeMs: number; idleMs: number | null } {
    const { accessMs, refreshMs, maxMs, cookieMs, idleMs } = this.#options.lifetimes()
    if (kind === 'cookie') return { lifetimeMs: Math.min(expiresMs ?? cookieMs, maxMs), idleMs }
    if (kind === 'root') return { lifetimeMs: accessMs, idleMs: null }
    return { lifetimeMs: Math.min(Math.max(expiresMs ?? accessMs, refreshMs), maxMs), idleMs: null }
  }

  #accessMs(login: Login, session: Session): number {
    const { accessMs } = this.#options.lifetimes()
    if (session.kind === 'cookie') return session.lifetimeMs
    return Math.min(login.expiresMs ?? accessMs, session.lifetimeMs)
  }

  #createGrant(session: Session, accessMs: number): { grant: Grant; refreshToken: string | null } {
    const { clock, random, lifetimes } = this.#options
    const refreshToken = session.kind === 'token' ? createOpaqueToken(random) : null
    const grant: Grant = {
      jti: random(16).toString('base64url'),
      session: session.id,
      issued: instantNow(clock),
      accessMs,
      refreshHash: refreshToken === null ? null : hashOpaqueToken(refreshToken),
      refreshMs: refreshToken === null ? null : lifetimes().refreshMs,
      spent: null,
    }
    return { grant, refreshToken }
  }

  async #issue(session: Session, identity: Identity, grant: Grant, refreshToken: string | null): Promise<IssuedTokens> {
    const { keys, clock, issuer } = this.#options
    const accessToken = await issueAccessToken({ session, identity, grant, issuer: issuer() }, keys(), clock)
    return { accessToken, refreshToken, expiresMs: longestRemainingMs(grant, session, clock), session, identity }
  }

  /** Refreshes of one session are judged one after the other: two at once could leave two lines of tokens, a thief's and the owner's. */
  async #inTurn<T>(session: string, judge: () => Promise<T>): Promise<T> {
    const former = this.#refreshing.get(session) ?? Promise.resolve()
    const mine = former.then(judge)
    const settled = mine.catch(() => null)
    this.#refreshing.set(session, settled)
    try {
      return await mine
    } finally {
      if (this.#refreshing.get(session) === settled) this.#refreshing.delete(session)
    }
  }

  async #tellEnded(sessions: readonly Session[]): Promise<void> {
    const ids = sessions.map(({ id }) => id)
    for (const listener of this.#endListeners) await listener(ids, sessions)
  }

  async #refresh(hash: string, from: From, tell: TellRefusal): Promise<IssuedTokens | null> {
    const { store, clock } = this.#options
    const grant = await store.grants.findByRefreshHash(hash)
    const session = grant && (await store.sessions.find(grant.session))
    if (!grant || !session) return null
    const successorUsed = grant.spent !== null && (await this.#wasUsed(grant.spent.successor))
    const verdict = judgeRefresh(grant, session, { source: from.source, successorUsed }, clock)
    if (verdict === 'over') {
      tell({ reason: 'refresh_token_over' })
      return null
    }
    const hasAccount = await this.#accounts.renew(session.identity)
    const identity = await store.identities.find(session.identity)
    if (verdict === 'reuse' || !hasAccount || identity === null || !this.#accounts.isLetIn(session, identity)) {
      const reason = verdict === 'reuse' ? 'refresh_token_reused' : 'account_gone'
      tell({ reason, session: session.id, identity: session.identity })
      await this.end(session.id)
      return null
    }
    return this.#rotate(grant, session, identity, from)
  }

  /** Null when the session was ended meanwhile. */
  async #rotate(grant: Grant, session: Session, identity: Identity, from: From): Promise<IssuedTokens | null> {
    const { store, clock, lifetimes, forget } = this.#options
    const { refreshMs, maxMs } = lifetimes()
    const lifetimeMs = Math.min(elapsedMs(session.began, clock) + Math.max(refreshMs, grant.accessMs), maxMs)
    const renewed = { ...session, lifetimeMs: Math.max(lifetimeMs, session.lifetimeMs) }
    const { grant: next, refreshToken } = this.#createGrant(renewed, grant.accessMs)
    const spent = { at: grant.spent?.at ?? instantNow(clock), source: from.source }
    const lost = grant.spent?.successor ?? null
    if (!(await store.grants.rotate(grant.jti, spent, next, lost))) return null
    // The lost access token may have arrived in this very moment.
    if (lost !== null) await forget({ session: session.id })
    await store.sessions.setLifetime(session.id, renewed.lifetimeMs)
    await store.sessions.setUsed(session.id, instantNow(clock))
    await store.grants.prune(session.id, keptGrants)
    return this.#issue(renewed, identity, next, refreshToken)
  }

  /** Whether the access or refresh token of a grant was used. Of what a former run saw nothing is known: then it counts as used. */
  async #wasUsed(jti: string): Promise<boolean> {
    if (this.#used.has(jti)) return true
    const grant = await this.#options.store.grants.find(jti)
    if (grant === null || grant.spent !== null) return true
    return elapsedMs(grant.issued, this.#options.clock) >= this.#options.clock.monotonicMs() - this.#startedMs
  }

  #markUsed(jti: string): void {
    this.#used.delete(jti)
    this.#used.set(jti, true)
  }
}
