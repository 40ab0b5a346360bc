/** The session cookie of a browser: how it is set, what it is good for, for whom, and how it is cleared. */
import { request } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Ask, Reply } from '../support/http.ts'

const test = suite('e2e cookie')
let daemon: Daemon
let alice: Account
const stranger = 4242

test.before(async () => {
  alice = await createAccount()
  const login = { allow: { users: [alice.name] }, failure_delay_seconds: 0.5 }
  daemon = await startDaemon({
    config: {
      login,
      insecure: { throttle_off: true },
      pam: { children_per_source: 10 },
      session: { cookie_seconds: 600, idle_seconds: 600 },
    },
  })
})
test.after(async () => {
  await daemon?.remove()
  await alice?.remove()
})

const here = () => ({ Origin: daemon.url, 'Sec-Fetch-Site': 'same-origin' })

function loginByJson(more: object = {}, ask: Ask = {}): Promise<Reply> {
  const body = { user: alice.name, password: alice.password, cookie: true, ...more }
  return daemon.ask('/postern/v1/login', { headers: here(), body, ...ask })
}

function loginByForm(fields: Record<string, string> = {}, ask: Ask = {}): Promise<Reply> {
  const body = new URLSearchParams({ user: alice.name, password: alice.password, next: '/postern/', ...fields })
  return daemon.ask('/login', { headers: here(), body, ...ask })
}

const setCookies = (reply: Reply) => reply.headers['set-cookie'] ?? []
/** What the browser sends back. */
const cookieOf = (reply: Reply) => setCookies(reply)[0]?.split(';')[0] ?? ''
const me = (cookie: string, ask: Ask = {}) =>
  daemon.ask('/postern/v1/me', { ...ask, headers: { Cookie: cookie, ...ask.headers } })

const doors: [name: string, login: typeof loginByJson, status: number][] = [
  ['the API', loginByJson, 200],
  ['the form', loginByForm as typeof loginByJson, 303],
]
for (const [name, login, status] of doors) {
  test(`a login by ${name} sets one cookie with exactly these attributes`, async () => {
    const reply = await login()
    assert.is(reply.status, status)
    assert.is(setCookies(reply).length, 1)
    const [pair = '', ...attributes] = (setCookies(reply)[0] ?? '').split('; ')
    assert.match(pair, new RegExp(`^postern-${daemon.port}=[\\w-]+\\.[\\w-]+\\.[\\w-]+$`))
    assert.equal(attributes.sort(), ['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Strict'])
    assert.is((await me(cookieOf(reply))).status, 200)
  })

  test(`the token of a cookie login by ${name} is in the cookie and nowhere else`, async () => {
    const reply = await login()
    const [, token = ''] = cookieOf(reply).split('=')
    assert.not.match(reply.text, token)
    assert.not.match(JSON.stringify({ ...reply.headers, 'set-cookie': undefined }), token)
  })
}

test('the API answers a cookie login without tokens', async () => {
  const tokens = (await loginByJson()).json()
  assert.equal([tokens.access_token, tokens.refresh_token, tokens.expires_in], [null, null, 600])
})

test('the form leads to where it was asked to, on this site only', async () => {
  assert.is((await loginByForm({ next: '/postern/docs' })).headers.location, '/postern/docs')
  assert.is((await loginByForm({ next: '//evil.example' })).headers.location, '/')
})

test('a login without cookie sets none', async () => {
  const reply = await daemon.login(alice.name, alice.password)
  assert.equal(setCookies(reply), [])
  assert.type(reply.json().access_token, 'string')
})

test('a refused login sets no cookie', async () => {
  assert.equal(setCookies(await loginByJson({ password: 'wrong' })), [])
  assert.equal(setCookies(await loginByForm({ password: 'wrong' })), [])
})

test('the longest audience fits a cookie', async () => {
  const audience = Array.from({ length: 8 }, (_, at) => String(at).repeat(256))
  const reply = await loginByJson({ audience })
  assert.is(reply.status, 200)
  assert.ok((setCookies(reply)[0] ?? '').length <= 4096)
  assert.is((await me(cookieOf(reply))).status, 200)
})

test('a cookie for one second is a cookie', async () => {
  const reply = await loginByJson({ expires_seconds: 1 })
  assert.is(reply.status, 200)
  assert.match(setCookies(reply)[0] ?? '', 'Max-Age=1;')
})

const logouts: [name: string, path: string, status: number][] = [
  ['the API', '/postern/v1/logout', 200],
  ['the page', '/postern/logout', 303],
]
for (const [name, path, status] of logouts)
  test(`a logout by ${name} clears the cookie with the attributes it was set with, and ends the session`, async () => {
    const set = await loginByJson()
    const body = status === 303 ? new URLSearchParams() : {}
    const reply = await daemon.ask(path, { body, headers: { ...here(), Cookie: cookieOf(set) } })
    assert.is(reply.status, status)
    const attributesOf = (line: string) =>
      line
        .split('; ')
        .slice(1)
        .filter(attribute => !/^(Max-Age|Expires)=/.test(attribute))
        .sort()
    const cleared = setCookies(reply)[0] ?? ''
    assert.equal(attributesOf(cleared), attributesOf(setCookies(set)[0] ?? ''))
    assert.is(cleared.split(';')[0], `postern-${daemon.port}=`)
    assert.match(cleared, 'Max-Age=0')
    assert.is((await me(cookieOf(set))).status, 401)
  })

test('a new login by form ends the session that the browser had', async () => {
  const former = cookieOf(await loginByForm())
  const next = cookieOf(await loginByForm({}, { headers: { ...here(), Cookie: former } }))
  assert.is((await me(former)).status, 401)
  assert.is((await me(next)).status, 200)
})

/** What a browser sends by way of Origin and Sec-Fetch-Site, and what comes of it when something is changed. */
const origins: [name: string, headers: () => Record<string, string>, good: boolean][] = [
  ['both from here', here, true],
  ['Sec-Fetch-Site alone', () => ({ 'Sec-Fetch-Site': 'same-origin' }), true],
  ['Origin alone', () => ({ Origin: daemon.url }), true],
  ['neither', () => ({}), false],
  ['another port of this host', () => ({ Origin: 'http://127.0.0.1:9', 'Sec-Fetch-Site': 'same-site' }), false],
  ['another port of this host, by an old browser', () => ({ Origin: 'http://127.0.0.1:9' }), false],
  ['another site', () => ({ Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }), false],
  ['another name of this machine', () => ({ Origin: `http://localhost:${daemon.port}` }), false],
  ['the address bar', () => ({ 'Sec-Fetch-Site': 'none' }), false],
  ['a sandboxed page', () => ({ Origin: 'null' }), false],
  ['https', () => ({ Origin: daemon.url.replace('http', 'https') }), false],
]
for (const [name, headers, good] of origins)
  test(`what changes something with a cookie is ${good ? 'taken' : 'refused'} from: ${name}`, async () => {
    const cookie = cookieOf(await loginByJson())
    const changes: [path: string, body: unknown][] = [
      ['/postern/v1/logout', {}],
      ['/postern/v1/sessions/revoke', { others: true }],
      ['/postern/logout', new URLSearchParams()],
      ['/postern/sessions/revoke-others', new URLSearchParams()],
    ]
    for (const [path, body] of good ? changes.slice(0, 1) : changes) {
      const reply = await daemon.ask(path, { body, headers: { Cookie: cookie, ...headers() } })
      assert.is(reply.status, good ? 200 : 403, path)
    }
    assert.is((await me(cookie)).status, good ? 401 : 200)
    const login = await loginByJson({}, { headers: headers() })
    assert.is(login.status, good ? 200 : 403)
    assert.is(setCookies(login).length, good ? 1 : 0)
    const form = await loginByForm({}, { headers: headers() })
    assert.is(form.status, good ? 303 : 403)
    assert.is(setCookies(form).length, good ? 1 : 0)
  })

test('the last step of a cookie login from nowhere sets no cookie, and leaves no session', async () => {
  const step = (await loginByJson({ password: undefined })).json()
  assert.is(step.code, 'login_continues')
  const body = { conversation: step.conversation, answers: [alice.password] }
  const list = async () => {
    const reply = await daemon.ask('/postern/v1/sessions?everyone=true&limit=200', { token: daemon.token() })
    return (reply.json().items as { id: string }[]).map(({ id }) => id)
  }
  const before = await list()
  const reply = await daemon.ask('/postern/v1/login/answer', { body })
  assert.is(reply.status, 403)
  assert.equal(setCookies(reply), [])
  assert.equal(
    (await list()).filter(id => !before.includes(id)),
    [],
  )
})

test('a cookie is read by a GET from the address bar', async () => {
  const cookie = cookieOf(await loginByJson())
  assert.is((await me(cookie, { headers: { 'Sec-Fetch-Site': 'none' } })).status, 200)
})

test('a bad Bearer is final: a good cookie beside it does not count', async () => {
  const cookie = cookieOf(await loginByJson())
  for (const authorization of ['Bearer', 'Bearer x', 'Bearer a.b.c', 'bearer\tx', `Bearer ${cookie.split('=')[1]}x`]) {
    const reply = await me(cookie, { headers: { Authorization: authorization } })
    assert.is(reply.status, 401, authorization)
  }
  assert.is((await me(cookie, { headers: { Authorization: 'Basic eDp5' } })).status, 200)
})

test('a cookie is good for the uid that made it alone, root or not', async () => {
  const [roots, theirs] = [cookieOf(await loginByJson()), cookieOf(await loginByJson({}, { uid: stranger }))]
  assert.is((await me(roots)).status, 200)
  assert.is((await me(roots, { uid: stranger })).status, 401)
  assert.is((await me(theirs, { uid: stranger })).status, 200)
  assert.is((await me(theirs)).status, 401)
  assert.is((await me(theirs, { uid: 4243 })).status, 401)
  const check = await daemon.ask('/postern/v1/check', { uid: 4243, headers: { Cookie: theirs } })
  assert.is(check.status, 401)
})

test('the token of a cookie is bound to its uid as a Bearer too', async () => {
  const [, token = ''] = cookieOf(await loginByJson()).split('=')
  assert.is((await daemon.ask('/postern/v1/me', { token })).status, 200)
  assert.is((await daemon.ask('/postern/v1/me', { token, uid: stranger })).status, 401)
  assert.is(
    (await daemon.ask('/postern/v1/me', { token, socketPath: `${daemon.directory}/gate-run/http.sock` })).status,
    401,
  )
})

test('of two cookies of the name neither counts, whichever is good', async () => {
  const cookie = cookieOf(await loginByJson())
  const other = `postern-${daemon.port}=a.b.c`
  for (const both of [`${cookie}; ${other}`, `${other}; ${cookie}`, `${cookie}; ${cookie}`])
    assert.is((await me(both)).status, 401)
  assert.is((await me(`x=y; ${cookie}; postern-1=a.b.c`)).status, 200)
})

test('a cookie of another port’s name is not looked at', async () => {
  const [, token = ''] = cookieOf(await loginByJson()).split('=')
  for (const name of ['postern', 'postern-1', `__Host-postern-${daemon.port}`, `Postern-${daemon.port}`])
    assert.is((await me(`${name}=${token}`)).status, 401)
})

const hosts: [host: string, status: number][] = [
  ['127.0.0.1', 200],
  ['localhost', 200],
  ['app.localhost', 200],
  ['[::1]', 200],
  ['192.0.2.7', 200],
  ['evil.example', 421],
  ['127.0.0.1.evil.example', 421],
  ['localhost.evil.example', 421],
]
for (const [host, status] of hosts)
  test(`a request to ${host} is answered ${status}, whatever it carries`, async () => {
    for (const path of ['/ping', '/login', '/postern/v1/openapi.json'])
      assert.is((await daemon.ask(path, { headers: { Host: `${host}:${daemon.port}` } })).status, status, path)
    const token = daemon.token()
    const reply = await daemon.ask('/postern/v1/check', { token, headers: { Host: `${host}:${daemon.port}` } })
    // An address that is not this machine's own loopback is no local request.
    const expected = host === '192.0.2.7' ? 401 : status
    assert.is(reply.status, expected)
  })

test('two Host fields, and a target that goes past them, are refused', async () => {
  const raw = (path: string, headers: string[]) =>
    new Promise<number>((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: daemon.port, path, headers, setHost: false, agent: false })
      outgoing.once('response', incoming => {
        incoming.resume()
        resolve(incoming.statusCode ?? 0)
      })
      outgoing.once('error', reject)
      outgoing.end()
    })
  const own = `127.0.0.1:${daemon.port}`
  assert.ok((await raw('/ping', ['Host', own, 'Host', 'evil.example'])) >= 400)
  assert.ok((await raw('/ping', ['Host', 'evil.example', 'Host', own])) >= 400)
  assert.ok((await raw(`http://${own}/ping`, ['Host', own])) >= 400)
  assert.ok((await raw('/ping', [])) >= 400)
})

test.run()
