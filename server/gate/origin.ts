/** Where a request comes from: only pages of this very origin may change state with a cookie or open a WebSocket with one. */
import { quoteSeen } from './header.ts'
import type { Scheme } from './host.ts'

/** What is asked; header values as node:http gives them, where repeated fields are joined by a comma and so match nothing. */
export interface OriginQuestion {
  readonly method: string
  readonly secFetchSite: string | undefined
  readonly origin: string | undefined
  /** As the browser sees it. */
  readonly scheme: Scheme
  /** The Host field (`Host.authority`); null when the request had none. */
  readonly host: string | null
  /** True for a WebSocket handshake, which is a GET that CORS does not hold back. */
  readonly websocket: boolean
}

/** `detail` says what was seen and what was expected; safe to print, not to put into HTML unescaped. */
export type OriginAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'origin_foreign' | 'origin_missing'; readonly detail: string }

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const OK: OriginAnswer = { ok: true }

/**
 * Asked of every request that sets or uses a cookie to change state, and of every WebSocket with a cookie.
 * Sec-Fetch-Site decides where the browser sends it (a script cannot write it); else Origin must equal scheme and Host.
 * With neither, only a plain GET or HEAD passes. A WebSocket with a foreign Origin never passes.
 */
export function checkOrigin(question: OriginQuestion): OriginAnswer {
  const { method, secFetchSite, origin, websocket } = question
  if (websocket && origin !== undefined && !isOurs(question, origin)) return foreign(question, origin)
  if (secFetchSite !== undefined) {
    if (secFetchSite === 'same-origin') return OK
    // "none": typed into the address bar, a bookmark, a kiosk's start page. No page was involved, and none can post so.
    if (secFetchSite === 'none' && method === 'GET' && !websocket) return OK
    const seen = `Sec-Fetch-Site ${quoteSeen(secFetchSite)}`
    return { ok: false, reason: 'origin_foreign', detail: `${seen}, expected "same-origin"` }
  }
  if (origin !== undefined) return isOurs(question, origin) ? OK : foreign(question, origin)
  if (SAFE_METHODS.has(method) && !websocket) return OK
  return { ok: false, reason: 'origin_missing', detail: 'the request has neither Sec-Fetch-Site nor Origin' }
}

/**
 * An Origin is compared as text, the scheme's default port left out on both sides. At a WebSocket that a browser calls
 * same-origin either scheme is good: a TLS proxy that does not say so must not cut the socket of a page it served.
 */
function isOurs({ host, secFetchSite, scheme, websocket }: OriginQuestion, origin: string): boolean {
  if (host === null) return false
  const seen = origin.toLowerCase()
  const schemes: readonly Scheme[] = websocket && secFetchSite === 'same-origin' ? ['http', 'https'] : [scheme]
  return schemes.some(candidate => withoutDefaultPort(seen, candidate) === ourOrigin(candidate, host))
}

function ourOrigin(scheme: Scheme, host: string): string {
  return `${scheme}://${withoutDefaultPort(host.toLowerCase(), scheme)}`
}

function withoutDefaultPort(text: string, scheme: Scheme): string {
  const port = scheme === 'https' ? ':443' : ':80'
  return text.endsWith(port) ? text.slice(0, -port.length) : text
}

function foreign({ scheme, host }: OriginQuestion, origin: string): OriginAnswer {
  const expected = host === null ? 'a Host to compare it with' : quoteSeen(ourOrigin(scheme, host))
  return { ok: false, reason: 'origin_foreign', detail: `Origin ${quoteSeen(origin)}, expected ${expected}` }
}
