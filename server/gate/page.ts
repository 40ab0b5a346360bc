/** The pages: the login form and its steps, the page that says who you are, and their assets. */
import type { Context, Hono } from 'hono'
import { parseNext } from '../operations/next.ts'
import type { Refusal } from '../operations/operation.ts'
import { reasons } from '../operations/reason.ts'
import { routes } from '../operations/routes.generated.ts'
import type { Request as OperationInput, Output } from '../operations/table.ts'
import { assets } from '../pages/assets.ts'
import { conversationPage, type Prompt } from '../pages/conversation.ts'
import { docsPage } from '../pages/docs.ts'
import { errorText } from '../pages/error-text.ts'
import { homePage } from '../pages/home.ts'
import { loginPage } from '../pages/login.ts'
import { waitingPage } from '../pages/waiting.ts'
import { findCredential, refuseForeignOrigin } from './authenticate.ts'
import { readFormBody } from './body.ts'
import { clearSessionCookie } from './cookie.ts'
import type { Gate, GateEnv } from './gate.ts'
import { confirmLink, openLink } from './link.ts'
import { cookieForLogin } from './native.ts'
import { redirect, respondPage, respondRefusal } from './respond.ts'
import { assetHeaders } from './security-headers.ts'
import type { Visit } from './visit.ts'

type Handler = (c: Context<GateEnv>) => Promise<Response>

const home = '/postern/'

function hostnameOf(gate: Gate): string {
  return gate.state?.settings.hostname ?? 'this machine'
}

/** Shows the login form, with what went wrong if something did. */
function showLogin(
  gate: Gate,
  { next, user, refusal, notice }: { next: string; user?: string; refusal?: Refusal; notice?: string },
): Response {
  const wait = refusal?.more?.retry_after
  const error = refusal ? errorText(refusal.reason, typeof wait === 'number' ? wait : undefined) : notice
  const fingerprint = gate.state?.fingerprint ?? undefined
  const page = loginPage({ hostname: hostnameOf(gate), next, user, error, fingerprint })
  const later = typeof wait === 'number' ? { 'Retry-After': String(wait) } : {}
  return respondPage(page, refusal ? reasons[refusal.reason].status : 200, later)
}

/** Whether the browser is the kiosk's own, at this machine. */
async function isKiosk(gate: Gate, visit: Visit): Promise<boolean> {
  const kiosk = gate.state?.settings.kiosk_uid ?? null
  if (kiosk === null) return false
  const { uid, local } = await visit.from()
  return local && uid === kiosk
}

/** GET /login: a link's token is spent, the kiosk waits for the next one, and everybody else gets the form. */
function openLogin(gate: Gate): Handler {
  return async c => {
    const { token, next: wanted, by, said } = c.req.query()
    if (token !== undefined) return openLink(gate, c)
    const visit = c.get('visit')
    const next = parseNext(wanted) ?? '/'
    // Only what is shown on the screen: a picture in a page is no page that waits.
    const isPage = (visit.incoming.headers['sec-fetch-dest'] ?? 'document') === 'document'
    if (by !== 'hand' && isPage && (await isKiosk(gate, visit))) {
      await gate.call('kiosk.wait', {}, null, visit)
      return respondPage(waitingPage({ hostname: hostnameOf(gate), next }))
    }
    return showLogin(gate, { next, ...(said === 'ticket_refused' && { notice: errorText(said) }) })
  }
}

function showConversation(gate: Gate, next: string, refusal: Refusal): Response {
  const { conversation, prompts } = refusal.more as { conversation: string; prompts: readonly Prompt[] }
  return respondPage(conversationPage({ hostname: hostnameOf(gate), next, conversation, prompts }))
}

/** Ends the session that the browser had until now: its cookie is about to be replaced. */
async function endFormer(gate: Gate, visit: Visit): Promise<void> {
  const former = findCredential(visit)
  if (former.kind === 'cookie') await gate.call('session.end', {}, former.token, visit)
}

/** One step of the login by form: who and password first, then whatever the machine asks. */
function submitLogin(gate: Gate): Handler {
  return async c => {
    const visit = c.get('visit')
    const foreign = refuseForeignOrigin(visit)
    if (foreign) return respondRefusal(foreign, visit.incoming)
    const form = await readFormBody(visit.incoming)
    if (!form.ok) return respondRefusal(form, visit.incoming)
    const next = parseNext(form.value.get('next')) ?? '/'
    const user = form.value.get('user') ?? ''
    const conversation = form.value.get('conversation')
    const answers = form.value.getAll('answer')
    const password = form.value.get('password')
    // Left empty, the machine asks for what it wants: that need not be a password.
    const begin: OperationInput<'login.begin'> = { user, cookie: true, ...(password && { password }) }
    const answer =
      conversation === null
        ? await gate.call('login.begin', begin, null, visit)
        : await gate.call('login.answer', { conversation, answers }, null, visit)
    if (!answer.ok && answer.reason === 'login_continues') return showConversation(gate, next, answer)
    if (!answer.ok) return showLogin(gate, { next, user, refusal: answer })
    await endFormer(gate, visit)
    return redirect(next, cookieForLogin(visit, answer.value as Output<'login.begin'>))
  }
}

function showHome(gate: Gate): Handler {
  return async c => {
    const visit = c.get('visit')
    const found = await gate.authenticator.authenticate(visit)
    if (!found.ok && found.reason === 'unauthenticated') return redirect(`/login?next=${encodeURIComponent(home)}`)
    if (!found.ok) return respondRefusal(found, visit.incoming)
    const { token, current } = found.who
    const sessions = await gate.call('session.list', { limit: 200 }, token, visit)
    if (!sessions.ok) return respondRefusal(sessions, visit.incoming)
    const page = { hostname: hostnameOf(gate), current, sessions: sessions.value as Output<'session.list'> }
    return respondPage(homePage(page))
  }
}

function showDocs(gate: Gate): Handler {
  return async c => {
    const visit = c.get('visit')
    const found = await gate.authenticator.authenticate(visit)
    const { scheme, prefix } = visit.client
    const origin = `${scheme}://${visit.host?.authority ?? 'localhost'}${prefix}`
    return respondPage(docsPage({ hostname: hostnameOf(gate), origin, routes, signedIn: found.ok }))
  }
}

/** A button of the home page: an operation, then back, or to the login page. */
function submitButton(
  gate: Gate,
  run: (form: URLSearchParams) => ['session.end' | 'session.revoke' | 'session.revoke_all', object],
): Handler {
  return async c => {
    const visit = c.get('visit')
    const foreign = refuseForeignOrigin(visit)
    if (foreign) return respondRefusal(foreign, visit.incoming)
    const found = await gate.authenticator.authenticate(visit)
    if (!found.ok && found.reason === 'unauthenticated') return redirect('/login')
    if (!found.ok) return respondRefusal(found, visit.incoming)
    const form = await readFormBody(visit.incoming)
    if (!form.ok) return respondRefusal(form, visit.incoming)
    const [name, input] = run(form.value)
    const answer = await gate.call(name, input, found.who.token, visit)
    if (!answer.ok && answer.reason !== 'not_found') return respondRefusal(answer, visit.incoming)
    if (name === 'session.end') return redirect('/login', { 'Set-Cookie': clearSessionCookie(visit.cookieScope) })
    return redirect(home)
  }
}

/** Adds the pages. */
export function addPages(app: Hono<GateEnv>, gate: Gate): void {
  app.get('/', async () => redirect(home))
  app.get('/postern', async () => redirect(home))
  app.get('/login', openLogin(gate))
  app.post('/login', submitLogin(gate))
  app.post('/login/link', c => confirmLink(gate, c))
  app.get(home, showHome(gate))
  app.post(
    '/postern/logout',
    submitButton(gate, () => ['session.end', {}]),
  )
  app.post(
    '/postern/sessions/revoke',
    submitButton(gate, form => ['session.revoke', { id: form.get('id') ?? '' }]),
  )
  app.post(
    '/postern/sessions/revoke-others',
    submitButton(gate, () => ['session.revoke_all', { others: true }]),
  )
  app.get('/postern/docs', showDocs(gate))
  for (const [path, { type, text }] of assets) {
    const headers = { ...assetHeaders, 'Content-Type': type }
    app.get(path, async () => new Response(text, { headers }))
  }
}
