/** How a refusal is answered over HTTP: problem details for programs, a page for people. */
import type { IncomingMessage } from 'node:http'
import type { Refusal } from '../operations/operation.ts'
import { reasons } from '../operations/reason.ts'
import { problemPage } from '../pages/problem.ts'
import { prefersHtml, problem } from './problem.ts'
import { jsonHeaders, pageHeaders, problemHeaders } from './security-headers.ts'

type Fields = Record<string, string>

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
  const extra = { ...fieldsFor(refusal), ...fields }
  if (prefersHtml(incoming.headers.accept)) {
    // A page that will be there in a moment is asked for again: nobody stands before a kiosk to do it.
    const again = refusal.reason === 'unavailable' && incoming.method === 'GET' ? { Refresh: '2' } : {}
    return new Response(problemPage(body), { status, headers: { ...pageHeaders, ...extra, ...again } })
  }
  return new Response(JSON.stringify(body), { status, headers: { ...problemHeaders, ...extra } })
}

/** JSON text as a 200. */
export function respondJson(text: string, fields?: Fields): Response {
  return new Response(text, { headers: fields ? { ...jsonHeaders, ...fields } : jsonHeaders })
}

/** An HTML page. */
export function respondPage(text: string, status = 200, fields: Fields = {}): Response {
  return new Response(text, { status, headers: { ...pageHeaders, ...fields } })
}

/** Sends a browser elsewhere on this site, with GET. */
export function redirect(location: string, fields: Fields = {}, status: 303 | 307 = 303): Response {
  return new Response(null, { status, headers: { ...pageHeaders, ...fields, Location: location } })
}
