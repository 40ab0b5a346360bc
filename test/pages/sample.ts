/** Every kind of page, filled with ordinary values or with those of a hostile stranger. */

import { describeRoutes } from '../../server/operations/route.ts'
import { conversationPage, type Prompt } from '../../server/pages/conversation.ts'
import { docsPage } from '../../server/pages/docs.ts'
import { errorText } from '../../server/pages/error-text.ts'
import { type HomePage, homePage } from '../../server/pages/home.ts'
import { loginPage } from '../../server/pages/login.ts'
import { problemPage } from '../../server/pages/problem.ts'

type Session = HomePage['sessions']['items'][number]

/** A value that an attacker may choose, or the ordinary one in its place. */
type Fill = (ordinary: string) => string

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

function sessions(fill: Fill): Session[] {
  const user = { id: '1001', name: fill('alice'), realm: 'pam' as const }
  const times = {
    created_at: '2026-08-03T09:14:07.120Z',
    last_used_at: '2026-08-03T15:02:59Z',
    expires_at: '2026-08-04T09:14:07Z',
  }
  const base = { ...times, user, current: false }
  return [
    { ...base, id: 'A'.repeat(22), kind: 'cookie', source: fill('127.0.0.1'), agent: fill(firefox), current: true },
    { ...base, id: 'B'.repeat(22), kind: 'token', source: fill('2001:db8:85a3::/64'), agent: fill('curl/8.14.1') },
    { ...base, id: 'C'.repeat(22), kind: 'root', source: fill('this machine'), agent: null },
  ]
}

/** The data of the home page. */
export function homeData(fill: Fill = ordinary => ordinary): HomePage {
  const items = sessions(fill)
  const [session] = items
  if (session === undefined) throw new Error('no session')
  const permissions = ['session.read', 'throttle.read', 'throttle.manage', 'job.*'].map(fill)
  const current = { user: session.user, roles: [fill('operator'), fill('viewer')], permissions, session }
  return { hostname: fill('gatehouse'), current, sessions: { items, next: null } }
}

const steps: Prompt[] = [
  { kind: 'info', text: 'Your password has expired.\nChoose a new one of at least 12 characters.' },
  { kind: 'secret', text: 'Current password: ' },
  { kind: 'secret', text: 'New password: ' },
  { kind: 'error', text: 'The last choice was too short.' },
  { kind: 'text', text: 'One-time code: ' },
]

/** Name to HTML of every page there is. */
export function samplePages(fill: Fill = ordinary => ordinary): Record<string, string> {
  const hostname = fill('gatehouse')
  const next = fill('/postern/?a=1&b=2')
  const conversation = fill('Zm9vYmFyYmF6')
  const prompts = steps.map(({ kind, text }) => ({ kind, text: fill(text) }))
  const home = homeData(fill)
  return {
    login: loginPage({ hostname, next }),
    'login-failed': loginPage({ hostname, next, user: fill('alice'), error: fill(errorText('login_failed')) }),
    conversation: conversationPage({ hostname, conversation, prompts, next, error: fill(errorText('busy', 3)) }),
    'conversation-info': conversationPage({ hostname, conversation, prompts: prompts.slice(0, 1), next }),
    home: homePage(home),
    'home-admin': homePage({
      ...home,
      current: { ...home.current, roles: [], permissions: ['*'] },
      sessions: { items: home.sessions.items.slice(0, 1), next: null },
    }),
    'home-more': homePage({
      ...home,
      current: { ...home.current, permissions: Array.from({ length: 9 }, (_, at) => fill(`job.number-${at}`)) },
      sessions: { ...home.sessions, next: 'cursor' },
    }),
    docs: docsPage({ hostname, origin: fill('http://127.0.0.1:7640'), routes: describeRoutes(), signedIn: true }),
    'docs-outside': docsPage({
      hostname,
      origin: fill('https://gatehouse'),
      routes: describeRoutes(),
      signedIn: false,
    }),
    problem: problemPage({
      code: 'host_unknown',
      status: 421,
      title: 'this is no name of ours',
      detail: fill('the Host is "evil.example"'),
    }),
  }
}
