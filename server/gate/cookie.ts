/** The session cookie (RFC 6265bis): its name, its attributes, and how it is read; no other file sets or reads one. */
import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie'
import type { Scheme } from './host.ts'

/**
 * Which cookie is meant. Cookies are kept per host, not per port, so the name carries the port **the browser sees**
 * (`visiblePort`), not the listener's: behind a proxy two posterns of one host may both listen on 7640, and a UNIX
 * socket has no port. A program that sends another Host only picks another name for its own cookie.
 */
export interface CookieScope {
  /** As the browser sees it. */
  readonly scheme: Scheme
  readonly port: number
}

/** The token, checked for shape only; `duplicate` means that somebody else of this host has set the name too. */
export type CookieAnswer =
  | { readonly ok: true; readonly token: string }
  | { readonly ok: false; readonly reason: 'missing' | 'duplicate' | 'malformed' }

const JWT_SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
// Browsers silently drop a cookie whose name and value exceed 4096 bytes together; the longest name is 21.
const MAX_TOKEN_LENGTH = 4000

/** The name: with `__Host-` under https, where browsers then demand Secure, Path=/ and no Domain, so no sibling host can set it; other ports of this host can. */
export function cookieName({ scheme, port }: CookieScope): string {
  return scheme === 'https' ? `__Host-postern-${port}` : `postern-${port}`
}

/**
 * The value of a Set-Cookie field that carries `token` for `maxAgeSeconds`. Only Max-Age: an Expires would be read by the
 * browser's clock, which may be wrong. Throws TypeError for a token or lifetime that a browser would drop.
 */
export function createSessionCookie(scope: CookieScope, token: string, maxAgeSeconds: number): string {
  if (!isToken(token)) throw new TypeError('cookie: the token is not a JWT of at most 4000 characters')
  if (!Number.isSafeInteger(maxAgeSeconds) || maxAgeSeconds < 1)
    throw new TypeError('cookie: the lifetime is not a positive number of whole seconds')
  return stringifySetCookie({ ...attributes(scope), value: token, maxAge: maxAgeSeconds })
}

/** The value of a Set-Cookie field that removes the cookie: the very same attributes, else browsers keep the old one. */
export function clearSessionCookie(scope: CookieScope): string {
  return stringifySetCookie({ ...attributes(scope), value: '', maxAge: 0, expires: new Date(0) })
}

/**
 * Reads the session's token from a Cookie field. Two cookies of the name are none at all: without `__Host-` any other port
 * or path of this host may set one, and which comes first is the setter's choice, so taking either signs people in as others.
 */
export function findSessionCookie(header: string | undefined, scope: CookieScope): CookieAnswer {
  if (header === undefined) return { ok: false, reason: 'missing' }
  const name = cookieName(scope)
  let token: string | undefined
  for (const pair of header.split(';')) {
    const value = pair.includes(name) ? readValue(pair, name) : undefined
    if (value === undefined) continue
    if (token !== undefined) return { ok: false, reason: 'duplicate' }
    token = value
  }
  if (token === undefined) return { ok: false, reason: 'missing' }
  return isToken(token) ? { ok: true, token } : { ok: false, reason: 'malformed' }
}

function attributes(scope: CookieScope): Omit<SetCookie, 'value'> {
  const secure = scope.scheme === 'https'
  return { name: cookieName(scope), path: '/', httpOnly: true, sameSite: 'strict', secure }
}

function readValue(pair: string, name: string): string | undefined {
  // Never percent-decoded: what is not a token on the wire is not a token.
  return parseCookie(pair, { decode: text => text })[name]
}

function isToken(text: string): boolean {
  return text.length <= MAX_TOKEN_LENGTH && JWT_SHAPE.test(text)
}
