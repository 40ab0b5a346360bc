/** The native API: a route for each operation of the table that has one, made from the table. */
import type { Context, Hono } from 'hono'
import { no, type Refusal } from '../operations/operation.ts'
import type { Field, Route } from '../operations/route.ts'
import { routes } from '../operations/routes.generated.ts'
import type { Name, Output } from '../operations/table.ts'
import { refuseForeignOrigin } from './authenticate.ts'
import { readJsonBody } from './body.ts'
import { clearSessionCookie, createSessionCookie } from './cookie.ts'
import type { Gate, GateEnv } from './gate.ts'
import type { Remembered } from './memory.ts'
import { respondJson, respondRefusal } from './respond.ts'
import type { Visit } from './visit.ts'

export const prefix = '/postern/v1'

type Parsed = { readonly ok: true; readonly value: Record<string, unknown> } | Refusal

/** The text of a query or a path as the type that the input names; text that does not fit stays text, and the keeper refuses it. */
function fromText(text: string, field: Field | undefined): unknown {
  if (field?.type === 'boolean') return text === 'true' || text === '' ? true : text === 'false' ? false : text
  if (field?.type === 'integer' || field?.type === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
  return text
}

function readQuery(c: Context<GateEnv>, route: Route): Parsed {
  const value: Record<string, unknown> = {}
  for (const [name, texts] of Object.entries(c.req.queries())) {
    const field = route.input[name]
    if (field?.type === 'array') value[name] = texts
    else if (texts.length > 1) return no('invalid_input', `${name}: given more than once`)
    else value[name] = fromText(texts[0] ?? '', field)
  }
  return { ok: true, value }
}

async function readInput(c: Context<GateEnv>, route: Route, visit: Visit): Promise<Parsed> {
  const hasBody = route.method !== 'GET' && route.method !== 'DELETE'
  const given = hasBody ? await readJsonBody(visit.incoming) : readQuery(c, route)
  const inPath = Object.entries(c.req.param()).map(([name, text]) => [name, fromText(text, route.input[name])])
  return given.ok ? { ok: true, value: { ...given.value, ...Object.fromEntries(inPath) } } : given
}

/** The token that goes with the operation, or null for a public one. */
async function findToken(
  gate: Gate,
  visit: Visit,
  route: Route,
): Promise<{ ok: true; who: Remembered | null } | Refusal> {
  if (route.access === 'public') return { ok: true, who: null }
  return gate.authenticator.authenticate(visit)
}

/** A login that asks for a cookie gets it here, and its token nowhere else. */
export function cookieForLogin(visit: Visit, value: Output<'login.begin'>): { 'Set-Cookie': string } {
  return { 'Set-Cookie': createSessionCookie(visit.cookieScope, value.access_token ?? '', value.expires_in) }
}

function respondAnswer(name: Name, value: unknown, visit: Visit): Response {
  if (name === 'login.begin' || name === 'login.answer') {
    const tokens = value as Output<'login.begin'>
    if (tokens.session.kind === 'cookie')
      return respondJson(JSON.stringify({ ...tokens, access_token: null }), cookieForLogin(visit, tokens))
  }
  if (name === 'session.end') return respondJson('{}', { 'Set-Cookie': clearSessionCookie(visit.cookieScope) })
  return respondJson(JSON.stringify(value))
}

async function handle(gate: Gate, c: Context<GateEnv>, name: Name, route: Route): Promise<Response> {
  const visit = c.get('visit')
  const found = await findToken(gate, visit, route)
  if (!found.ok) return respondRefusal(found, visit.incoming)
  const input = await readInput(c, route, visit)
  if (!input.ok) return respondRefusal(input, visit.incoming)
  const setsCookie = (name === 'login.begin' && input.value.cookie === true) || name === 'login.answer'
  const isForeign = setsCookie && (name === 'login.begin' || isFromBrowser(visit)) ? refuseForeignOrigin(visit) : null
  if (isForeign) return respondRefusal(isForeign, visit.incoming)
  const answer = await gate.call(name, input.value, found.who?.token ?? null, visit)
  if (!answer.ok) return respondRefusal(answer, visit.incoming)
  const late =
    name === 'login.answer' ? await refuseLateCookie(gate, visit, answer.value as Output<'login.answer'>) : null
  return late ? respondRefusal(late, visit.incoming) : respondAnswer(name, answer.value, visit)
}

/** Only the last step of a login tells that its session is a cookie's: one from nowhere is ended again. */
async function refuseLateCookie(gate: Gate, visit: Visit, tokens: Output<'login.answer'>): Promise<Refusal | null> {
  const foreign = tokens.session.kind === 'cookie' ? refuseForeignOrigin(visit) : null
  if (foreign) await gate.call('session.end', {}, tokens.access_token, visit)
  return foreign
}

/** Browsers say where a request comes from, programs do not. */
function isFromBrowser({ incoming: { headers } }: Visit): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
}

/** Adds the native routes. A path of the API with a method that it does not have is answered 405. */
export function addNativeRoutes(app: Hono<GateEnv>, gate: Gate): void {
  const byPath = new Map<string, string[]>()
  for (const [name, route] of Object.entries(routes) as [Name, Route][]) {
    const { method, path } = route
    if (method === null || path === null) continue
    const pattern = prefix + path.replace(/\{(\w+)\}/g, ':$1')
    byPath.set(pattern, [...(byPath.get(pattern) ?? []), method])
    app.on(method, pattern, c => handle(gate, c, name, route))
  }
  for (const [pattern, methods] of byPath) {
    app.all(pattern, c =>
      respondRefusal(no('method_not_allowed', `${methods.join(' or ')} is expected`), c.env.incoming, {
        Allow: methods.join(', '),
      }),
    )
  }
}
