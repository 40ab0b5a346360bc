/** How a refusal is answered over HTTP: problem details for programs, a page for people. */
import type { IncomingMessage } from 'node:http'
import type { Refusal } from '../operations/operation.ts'
import { reasons } from '../operations/reason.ts'
import { problemPage } from '../pages/problem.ts'
import { prefersHtml, problem } from './problem.ts'
import { carriesSecret } from './secret-target.ts'
import { jsonHeaders, pageHeaders, problemHeaders } from './security-headers.ts'

type Fields = Record<string, string>

/** Pages with their text, and redirects: their links are written from the root of this site. */
const ours = new WeakMap<Response, string | null>()

function keepPage(text: string, response: Response): Response {
  ours.set(response, text)
  return response
}

/**
 * The answer as it must be where a proxy has us below `prefix`: the links of our pages and redirects lead there too. In a page
 * of ours nothing but markup holds a bare quote, so what looks like a link is one. Other answers stay as they are.
 */
export function withPrefix(response: Response, prefix: string): Response {
  const text = ours.get(response)
  if (prefix === '' || text === undefined) return response
  const headers = new Headers(response.headers)
  const location = headers.get('Location')
  if (location?.startsWith('/')) headers.set('Location', prefix + location)
  const body = text?.replace(/ (href|src|action)="\//g, (_, name: string) => ` ${name}="${prefix}/`) ?? null
  return new Response(body, { status: response.status, headers })
}

/** Fields that depend on the reason: what a 401 asks for (RFC 6750 §3), and when to come back. */
function fieldsFor({ reason, more }: Refusal): Fields {
  if (reason === 'unauthenticated') return { 'WWW-Authenticate': 'Bearer error="invalid_token"' }
  const wait = more?.retry_after
  return typeof wait === 'number' ? { 'Retry-After': String(wait) } : {}
}

/** A refusal as an answer. */
export function respondRefusal(refusal: Refusal, incoming: IncomingMessage, fields: Fields = {}): Response {
  const { status, title } = reasons[refusal.reason]
  const body = problem(refusal.reason, status, title, refusal.detail, refusal.more)
  const discreet = carriesSecret(incoming.url) ? { 'Referrer-Policy': 'no-referrer' } : {}
  const extra = { ...fieldsFor(refusal), ...discreet, ...fields }
  if (prefersHtml(incoming.headers.accept)) {
    // A page that will be there in a moment is asked for again: nobody stands before a kiosk to do it.
    const again = refusal.reason === 'unavailable' && incoming.method === 'GET' ? { Refresh: '2' } : {}
    const page = problemPage(body)
    return keepPage(page, new Response(page, { status, headers: { ...pageHeaders, ...extra, ...again } }))
  }
  return new Response(JSON.stringify(body), { status, headers: { ...problemHeaders, ...extra } })
}

/** JSON text as a 200. */
export function respondJson(text: string, fields?: Fields): Response {
  return new Response(text, { headers: fields ? { ...jsonHeaders, ...fields } : jsonHeaders })
}

/** An HTML page. */
export function respondPage(text: string, status = 200, fields: Fields = {}): Response {
  return keepPage(text, new Response(text, { status, headers: { ...pageHeaders, ...fields } }))
}

/** Sends a browser elsewhere on this site, with GET. */
export function redirect(location: string, fields: Fields = {}, status: 303 | 307 = 303): Response {
  const response = new Response(null, { status, headers: { ...pageHeaders, ...fields, Location: location } })
  ours.set(response, null)
  return response
}
