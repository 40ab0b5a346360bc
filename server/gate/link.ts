/** Login links: `GET /login?token=T[&next=/path][&lang=xx]` trades a ticket, or root's token, for a browser's session. */
import type { Context } from 'hono'
import { parseNext } from '../operations/next.ts'
import { no, type Refusal } from '../operations/operation.ts'
import type { Output } from '../operations/table.ts'
import { confirmPage } from '../pages/confirm.ts'
import { findCredential, refuseForeignOrigin } from './authenticate.ts'
import { readFormBody } from './body.ts'
import type { Gate, GateEnv } from './gate.ts'
import { cookieForLogin } from './native.ts'
import { redirect, respondPage, respondRefusal } from './respond.ts'
import type { Visit } from './visit.ts'

/** What carries a token says so to no other page, and nobody keeps it. */
const secretive = { 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store' }

/** What a link asks for. */
interface Link {
  readonly ticket: string
  /** Where the browser goes then, `lang` included. */
  readonly next: string
}

/** Where a link leads; the language is for the site there. */
function nextOf(next: string | undefined, lang: string | undefined): string {
  const path = parseNext(next) ?? '/'
  if (lang === undefined || !/^[a-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$/i.test(lang)) return path
  const url = new URL(path, 'http://postern.invalid')
  url.searchParams.set('lang', lang)
  return url.pathname + url.search + url.hash
}

/** A no for whatever is not a person who opened the link: asked before the ticket is looked at, which stays good. */
function refuseVisit({ incoming }: Visit): Refusal | null {
  const { headers, method } = incoming
  const site = headers['sec-fetch-site']
  if (method !== 'GET') return no('method_not_allowed', 'a login link is opened with GET')
  if (headers['sec-purpose'] !== undefined || headers.purpose !== undefined || headers['x-moz'] !== undefined)
    return no('forbidden', 'a login link is not fetched ahead')
  // Another page that opens it would sign people in as whom it likes.
  if (site === 'cross-site' || site === 'same-site')
    return no('origin_foreign', 'a login link is opened by hand or by a program, not by another site')
  const isNavigation = (headers['sec-fetch-mode'] ?? 'navigate') === 'navigate'
  const isDocument = (headers['sec-fetch-dest'] ?? 'document') === 'document'
  return isNavigation && isDocument ? null : no('forbidden', 'a login link is opened as a page')
}

/** Asks the keeper, on behalf of who is signed in by cookie until now. */
async function spend(gate: Gate, visit: Visit, { ticket, next }: Link, confirmed: boolean): Promise<Response> {
  const former = findCredential(visit)
  const token = former.kind === 'cookie' ? former.token : null
  const input = { ticket, ...(confirmed && { confirmed }) }
  const answer = await gate.call('ticket.spend', input, token, visit)
  if (answer.ok)
    return redirect(next, { ...secretive, ...cookieForLogin(visit, answer.value as Output<'ticket.spend'>) }, 307)
  if (answer.reason === 'somebody_else') {
    const hostname = gate.state?.settings.hostname ?? 'this machine'
    const { user = null, instead_of: other = '' } = answer.more as { user?: string | null; instead_of?: string }
    return respondPage(confirmPage({ hostname, user, other, ticket, next }), 200, secretive)
  }
  if (answer.reason !== 'ticket_refused') return respondRefusal(answer, visit.incoming)
  return redirect(`/login?next=${encodeURIComponent(next)}&said=${answer.reason}`, secretive, 307)
}

/** GET /login with a token. */
export async function openLink(gate: Gate, c: Context<GateEnv>): Promise<Response> {
  const visit = c.get('visit')
  const [ticket = '', second] = c.req.queries('token') ?? []
  const refusal =
    refuseVisit(visit) ?? (second === undefined ? null : no('invalid_input', 'the link has more than one token'))
  if (refusal) return respondRefusal(refusal, visit.incoming)
  const next = nextOf(c.req.query('next'), c.req.query('lang'))
  return spend(gate, visit, { ticket, next }, false)
}

/** POST /login/link: who is signed in agreed to become somebody else. */
export async function confirmLink(gate: Gate, c: Context<GateEnv>): Promise<Response> {
  const visit = c.get('visit')
  const foreign = refuseForeignOrigin(visit)
  if (foreign) return respondRefusal(foreign, visit.incoming)
  const form = await readFormBody(visit.incoming)
  if (!form.ok) return respondRefusal(form, visit.incoming)
  const link = { ticket: form.value.get('token') ?? '', next: nextOf(form.value.get('next') ?? undefined, undefined) }
  const answer = await spend(gate, visit, link, true)
  // What a form posted is not posted again elsewhere.
  return answer.status === 307 ? redirect(answer.headers.get('Location') ?? '/', cookieOf(answer), 303) : answer
}

function cookieOf(answer: Response): Record<string, string> {
  const cookie = answer.headers.get('Set-Cookie')
  return { ...secretive, ...(cookie !== null && { 'Set-Cookie': cookie }) }
}
