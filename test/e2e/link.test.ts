/** Login links over HTTP: who gets in by one, who does not, and what is left of the ticket then. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Output } from '../../server/operations/table.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Ask, Reply } from '../support/http.ts'
import { startNginx } from '../support/nginx.ts'

interface Context {
  daemon: Daemon
  account: Account
  kiosk: Account
  /** May make links for themselves, and nothing else. */
  clerk: Account
}

type Me = Output<'session.current'> & { code?: string }

const test = suite<Context>('e2e/link')

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  context.kiosk = await createAccount()
  context.clerk = await createAccount()
  const kiosk = { user: context.kiosk.name, role: 'viewer' }
  const clerks = { users: [context.clerk.name] }
  const login = { allow: { users: ['root', context.clerk.name], groups: ['sudo'] } }
  const admin = { users: ['root'], groups: ['sudo'] }
  const roles = { admin, clerk: { ...clerks, permissions: ['ticket.create'] } }
  const more = { log: { level: 'debug' }, insecure: { throttle_off: true } }
  context.daemon = await startDaemon({ config: { kiosk, login, roles, ...more } })
})

test.after(async ({ daemon, account, kiosk, clerk }) => {
  await daemon.remove()
  for (const one of [account, kiosk, clerk]) await one.remove()
})

async function createTicket({ daemon }: Context, input: object = {}): Promise<string> {
  const reply = await daemon.ask('/postern/v1/tickets', { token: daemon.token(), body: input })
  assert.is(reply.status, 200, reply.text)
  return String(reply.json().ticket)
}

function open(
  { daemon }: Context,
  ticket: string,
  { query = '', ...ask }: Ask & { query?: string } = {},
): Promise<Reply> {
  const headers = { Accept: 'text/html', ...ask.headers }
  return daemon.ask(`/login?token=${ticket}${query}`, { ...ask, headers })
}

const cookieOf = (reply: Reply) => String(reply.headers['set-cookie']?.[0]).split(';', 1)[0] ?? ''

async function whoIs({ daemon }: Context, reply: Reply, ask: Ask = {}): Promise<Me> {
  return (await daemon.ask('/postern/v1/me', { ...ask, headers: { Cookie: cookieOf(reply) } })).json() as unknown as Me
}

test('logs in, once: a cookie of a new session, on to next, kept by nobody and told to no other page', async context => {
  const ticket = await createTicket(context, { user: context.account.name })
  const reply = await open(context, ticket, { query: '&next=%2Fpostern%2F%3Fa%3Db%23c&lang=de' })
  assert.equal([reply.status, reply.headers.location], [307, '/postern/?a=b&lang=de#c'])
  assert.is(reply.headers['cache-control'], 'no-store')
  assert.is(reply.headers['referrer-policy'], 'no-referrer')
  const attributes = ['Max-Age=86400', 'Path=/', 'HttpOnly', 'SameSite=Strict']
  assert.equal(String(reply.headers['set-cookie']?.[0]).split('; ').slice(1), attributes)
  assert.is((await whoIs(context, reply)).user.name, context.account.name)
  const again = await open(context, ticket, { query: '&next=/postern/' })
  assert.equal([again.status, again.headers.location], [307, '/login?next=%2Fpostern%2F&said=ticket_refused'])
  assert.not.ok(again.headers['set-cookie'])
  const page = await context.daemon.ask(again.headers.location ?? '', { headers: { Accept: 'text/html' } })
  assert.match(page.text, 'This login link is not valid any more')
})

test('made by a session that is logged out meanwhile, logs nobody in', async context => {
  const { access_token: token } = await context.daemon.tokens(context.account.name, context.account.password)
  const create = async () => {
    const body = { user: 'root', ttl_seconds: 600 }
    return String((await context.daemon.ask('/postern/v1/tickets', { token, body })).json().ticket)
  }
  const [ticket, late] = [await create(), await create()]
  assert.ok((await open(context, ticket)).headers['set-cookie'])
  assert.is((await context.daemon.ask('/postern/v1/logout', { token, body: {} })).status, 200)
  assert.not.ok((await open(context, late)).headers['set-cookie'])
})

for (const count of [2, 50]) {
  test(`of ${count} uses at the same instant, one wins`, async context => {
    const ticket = await createTicket(context)
    const replies = await Promise.all(Array.from({ length: count }, () => open(context, ticket)))
    assert.is(replies.filter(({ headers }) => headers['set-cookie'] !== undefined).length, 1)
    assert.ok(replies.every(({ status }) => status === 307))
  })
}

test('asked for by a bad next, leads to the start page', async context => {
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', '/a%0d%0ab', '%09//evil.example']) {
    const reply = await open(context, await createTicket(context), { query: `&next=${next}&lang=../x` })
    assert.equal([next, reply.headers.location], [next, '/'])
  }
})

const refusals: { name: string; ask: Ask; status: number }[] = [
  { name: 'HEAD', ask: { method: 'HEAD' }, status: 405 },
  { name: 'a prefetch', ask: { headers: { 'Sec-Purpose': 'prefetch;prerender' } }, status: 403 },
  { name: 'an old prefetch', ask: { headers: { Purpose: 'prefetch' } }, status: 403 },
  { name: 'a navigation from another site', ask: { headers: { 'Sec-Fetch-Site': 'cross-site' } }, status: 403 },
  { name: 'a navigation from another port', ask: { headers: { 'Sec-Fetch-Site': 'same-site' } }, status: 403 },
  { name: 'a frame', ask: { headers: { 'Sec-Fetch-Dest': 'iframe' } }, status: 403 },
  { name: 'a script', ask: { headers: { 'Sec-Fetch-Mode': 'cors' } }, status: 403 },
  { name: 'a request that was passed on', ask: { headers: { 'X-Forwarded-For': '203.0.113.7' } }, status: 403 },
  { name: 'a name that is not loopback', ask: { headers: { Host: '192.0.2.1:7640' } }, status: 403 },
  { name: 'a service of this machine', ask: { uid: 33 }, status: 403 },
  { name: 'a uid that is nobody’s account', ask: { uid: 100_033 }, status: 403 },
]

for (const { name, ask, status } of refusals) {
  test(`${name} is refused, and the ticket is still good`, async context => {
    const ticket = await createTicket(context)
    const refused = await open(context, ticket, ask)
    assert.is(refused.status, status)
    assert.not.ok(refused.headers['set-cookie'])
    assert.is(refused.headers['referrer-policy'], 'no-referrer')
    assert.not.match(refused.text, ticket)
    assert.ok((await open(context, ticket)).headers['set-cookie'])
  })
}

test('another uid than the one it is for is refused, and the ticket is still good', async context => {
  const ticket = await createTicket(context, { uid: context.account.uid })
  assert.is(
    (await open(context, ticket, { uid: context.kiosk.uid })).headers.location,
    '/login?next=%2F&said=ticket_refused',
  )
  const reply = await open(context, ticket, { uid: context.account.uid })
  assert.ok(reply.headers['set-cookie'])
  assert.is((await whoIs(context, reply, { uid: context.account.uid })).user.name, 'root')
})

test('over the UNIX socket, where proxies come in, it is refused', async context => {
  const ticket = await createTicket(context)
  const socketPath = join(context.daemon.directory, 'gate-run/http.sock')
  assert.is((await open(context, ticket, { socketPath })).status, 403)
  assert.ok((await open(context, ticket)).headers['set-cookie'])
})

test("through a real nginx that adds no header, it is refused, root's token too", async context => {
  const nginx = await startNginx(`location / { proxy_pass ${context.daemon.url}; }`)
  try {
    const ticket = await createTicket(context)
    for (const token of [ticket, context.daemon.token()]) {
      const port = new URL(nginx.url).port
      const reply = await context.daemon.ask('/ping')
      assert.is(reply.status, 200)
      const through = await fetch(`${nginx.url}/login?token=${token}`, { redirect: 'manual' })
      assert.is(through.status, 403, port)
      assert.is(through.headers.get('set-cookie'), null)
    }
    assert.ok((await open(context, ticket)).headers['set-cookie'])
  } finally {
    await nginx.remove()
  }
})

test("root's token opens a session of root, as often as it is good", async context => {
  for (let time = 0; time < 2; time += 1) {
    const reply = await open(context, context.daemon.token())
    assert.is((await whoIs(context, reply)).user.name, 'root')
  }
})

test('who is signed in as somebody else is asked, and stays who they are until they agree', async context => {
  const { daemon, account } = context
  const first = await open(context, await createTicket(context, { user: account.name }))
  const headers = { Cookie: cookieOf(first) }
  const ticket = await createTicket(context)
  const asked = await open(context, ticket, { headers, query: '&next=/postern/' })
  assert.equal([asked.status, asked.headers['referrer-policy']], [200, 'no-referrer'])
  assert.match(asked.text, `You are signed in as <bdi>${account.name}</bdi>`)
  assert.is((await whoIs(context, first)).user.name, account.name)
  const body = new URLSearchParams({ token: ticket, next: '/postern/' })
  const foreign = await daemon.ask('/login/link', { body, headers: { ...headers, Origin: 'http://evil.example' } })
  assert.is(foreign.status, 403)
  const agreed = await daemon.ask('/login/link', { body, headers: { ...headers, Origin: daemon.url } })
  assert.equal([agreed.status, agreed.headers.location], [303, '/postern/'])
  assert.is((await whoIs(context, agreed)).user.name, 'root')
  assert.is((await daemon.ask('/postern/v1/me', { headers })).status, 401)
})

test('who is logged in as the same somebody gets a new session, and the former one ends', async context => {
  const first = await open(context, await createTicket(context))
  const second = await open(context, await createTicket(context), { headers: { Cookie: cookieOf(first) } })
  assert.is(second.status, 307)
  assert.ok((await whoIs(context, second)).user)
  assert.is((await whoIs(context, first)).code, 'unauthenticated')
})

test('a role caps the session', async context => {
  const reply = await open(context, await createTicket(context, { role: 'viewer' }))
  const { roles, permissions } = await whoIs(context, reply)
  assert.equal([roles, permissions], [['viewer'], ['status.read']])
  const tickets = { method: 'POST', body: {}, headers: { Cookie: cookieOf(reply), Origin: context.daemon.url } }
  assert.is((await context.daemon.ask('/postern/v1/tickets', tickets)).status, 403)
})

test('a session with a role cap makes no links, whatever the role', async context => {
  const reply = await open(context, await createTicket(context, { role: 'admin' }))
  const tickets = { method: 'POST', body: {}, headers: { Cookie: cookieOf(reply), Origin: context.daemon.url } }
  const refused = await context.daemon.ask('/postern/v1/tickets', tickets)
  assert.equal([refused.status, refused.json().detail], [403, 'a session that is capped to a role makes no links'])
})

test('a link with two tokens is refused, and both are still good', async context => {
  const [one, other] = [await createTicket(context), await createTicket(context)]
  const refused = await open(context, one, { query: `&token=${other}` })
  assert.equal([refused.status, refused.headers['set-cookie']], [400, undefined])
  for (const ticket of [one, other]) assert.ok((await open(context, ticket)).headers['set-cookie'])
})

test('a session that began by a link makes no links', async context => {
  const reply = await open(context, await createTicket(context))
  const headers = { Cookie: cookieOf(reply), Origin: context.daemon.url }
  const refused = await context.daemon.ask('/postern/v1/tickets', { method: 'POST', body: {}, headers })
  assert.equal([refused.status, refused.json().detail], [403, 'a session that began by a link makes no links'])
})

test('links are made by those who may, for those who may log in', async context => {
  const { daemon, account, kiosk } = context
  const make = (body: object, token = daemon.token()) => daemon.ask('/postern/v1/tickets', { token, body })
  assert.is((await make({ user: kiosk.name })).json().code, 'conflict')
  assert.is((await make({ user: 'nobody-at-all' })).json().code, 'not_found')
  assert.is((await make({ role: 'no-such-role' })).json().code, 'invalid_input')
  assert.is((await make({ ttl_seconds: 0 })).json().code, 'invalid_input')
  assert.is((await make({ usr: 'alice' })).json().code, 'invalid_input')
  const own = String((await daemon.login(account.name, account.password)).json().access_token)
  assert.is((await make({}, own)).status, 200)
  assert.is((await daemon.ask('/postern/v1/tickets', { body: {} })).status, 401)
})

test("who may make links for themselves makes none for others, root's among them", async context => {
  const { daemon, account, clerk } = context
  const token = String((await daemon.login(clerk.name, clerk.password)).json().access_token)
  const make = (body: object) => daemon.ask('/postern/v1/tickets', { token, body })
  for (const user of ['root', account.name, 'nobody-at-all']) {
    const refused = await make({ user })
    assert.equal([refused.status, refused.json().detail], [403, "ticket.manage is needed for another's link"], user)
  }
  for (const body of [{}, { user: clerk.name }, { role: 'admin' }]) {
    const made = await make(body)
    assert.is(made.status, 200, made.text)
    const reply = await open(context, String(made.json().ticket), { uid: clerk.uid })
    const me = await whoIs(context, reply, { uid: clerk.uid })
    assert.is(me.user.name, clerk.name)
    for (const permission of me.permissions) assert.is(permission, 'ticket.create')
  }
})

test("the kiosk's ticket logs its browser in, and the screen that waits for it says so", async context => {
  const { daemon, kiosk } = context
  const { uid } = kiosk
  const status = async () => (await daemon.ask('/postern/v1/kiosk', { uid })).json()
  // Neither a picture in a page nor what was passed on is a screen that waits.
  for (const [name, value] of [
    ['Sec-Fetch-Dest', 'image'],
    ['X-Forwarded-For', '203.0.113.7'],
  ] as const) {
    const form = await daemon.ask('/login?next=/postern/', { uid, headers: { Accept: 'text/html', [name]: value } })
    assert.match(form.text, 'type="password"')
    assert.is((await status()).waiting, false, name)
  }
  const waiting = await daemon.ask('/login?next=/postern/', { uid, headers: { Accept: 'text/html' } })
  assert.match(waiting.text, 'This screen logs itself in again')
  assert.equal([(await status()).session, (await status()).waiting], ['none', true])
  const byHand = await daemon.ask('/login?by=hand', { uid, headers: { Accept: 'text/html' } })
  assert.match(byHand.text, 'type="password"')
  const ticket = readFileSync(join(daemon.runtime, 'kiosk', kiosk.name), 'utf8').trim()
  assert.not.ok((await open(context, ticket)).headers['set-cookie'])
  const reply = await open(context, ticket, { uid })
  assert.equal((await whoIs(context, reply, { uid })).roles, ['viewer'])
  assert.equal([(await status()).session, (await status()).waiting], ['active', false])
  assert.is((await daemon.ask('/postern/v1/kiosk')).status, 404)
})

test('no ticket and no token is in the log, the audit trail or the store', async context => {
  const { daemon } = context
  const ticket = await createTicket(context)
  await open(context, ticket)
  await open(context, ticket)
  await open(context, daemon.token())
  const store = readFileSync(join(daemon.directory, 'state/postern.db'), 'latin1')
  const wal = readFileSync(join(daemon.directory, 'state/postern.db-wal'), 'latin1')
  const trail = readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8')
  assert.match(trail, '"event":"ticket.spend"')
  for (const text of [daemon.log(), trail, store, wal])
    for (const secret of [ticket, daemon.token()]) assert.not.match(text, secret)
})

test('postern url prints a link that works, alone on stdout', async context => {
  const { daemon, account } = context
  const run = (...args: string[]) =>
    execFileSync(process.execPath, ['dist/postern.cjs', '--runtime', daemon.runtime, 'url', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const link = run('--user', account.name, '--role', 'viewer', '--next', '/postern/', '--ttl', '2m').trim()
  assert.ok(link.startsWith(`${daemon.url}/login?token=`))
  const reply = await daemon.ask(link.slice(daemon.url.length))
  assert.is(reply.headers.location, '/postern/')
  assert.equal((await whoIs(context, reply)).roles, ['viewer'])
  const told = JSON.parse(run('--json')) as Record<string, unknown>
  assert.equal(Object.keys(told).sort(), ['expires_at', 'role', 'uid', 'url', 'user'])
  assert.ok(run('--qr').split('\n').length > 15)
  for (const wrong of [
    ['--ttl', '2y'],
    ['--ttl', '0'],
    ['--next', '//evil'],
    ['--uid', 'alice'],
  ])
    assert.throws(
      () => run(...wrong),
      (fault: { status: number }) => fault.status === 64,
    )
})

test.run()
