/** Behind Debian's own nginx, Caddy and HAProxy, with exactly what `postern proxy-config` prints for them. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { cleanAtEnd } from '../support/cleanup.ts'
import { type Daemon, freePort, startDaemon } from '../support/daemon.ts'
import { listen } from '../support/events.ts'
import { type Ask, ask, type Reply } from '../support/http.ts'
import { startNginx } from '../support/nginx.ts'
import type { FrontProxy } from '../support/proxy.ts'
import { applyLines, base, name, printed, startWith } from './proxy-drive.ts'

interface Context {
  daemon: Daemon
  account: Account
  root: Person
  person: Person
}

const test = suite<Context>('e2e/proxy')
/** Somebody at another machine: a test network's address (RFC 5737), on this machine's loopback interface. */
const client = '192.0.2.77'
const changeAddress = (how: 'add' | 'del') =>
  execFileSync('ip', ['address', how, `${client}/32`, 'dev', 'lo'], { stdio: 'ignore' })

let forgetAddress = () => false

test.before(async context => {
  changeAddress('add')
  forgetAddress = cleanAtEnd(() => changeAddress('del'))
  context.account = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon({ config: base })
  context.root = createPerson(0, context.daemon.runtime)
  context.person = createPerson(context.account.uid, context.daemon.runtime)
})
test.after(async ({ daemon, account, root, person }) => {
  if (forgetAddress()) changeAddress('del')
  root?.remove()
  person?.remove()
  await daemon?.remove()
  await account?.remove()
})

const ways = [
  { proxy: 'nginx', way: [] },
  { proxy: 'nginx', way: ['--address'] },
  { proxy: 'caddy', way: [] },
  { proxy: 'caddy', way: ['--address'] },
  { proxy: 'haproxy', way: [] },
  { proxy: 'haproxy', way: ['--socket'] },
]

for (const { proxy, way } of ways)
  for (const path of ['/', '/sub/']) {
    const title = `${[proxy, ...way].join(' ')} at ${path}`
    const prefix = path.slice(0, -1)

    test(`${title}: login, cookie and logout work, by form and by API; the client's address is the client's`, async context => {
      const { account, root, person } = context
      const text = await printed(context, [proxy, '--path', path, ...way])
      await applyLines(context, text)
      const front = await startWith(proxy, text)
      const origin = `http://${name}:${front.port}`
      const go = (to: string, more: Ask = {}): Promise<Reply> =>
        ask(`${front.url}${prefix}${to}`, {
          localAddress: client,
          ...more,
          headers: { Host: `${name}:${front.port}`, Origin: origin, 'X-Forwarded-For': '203.0.113.5', ...more.headers },
        })
      const cookieOf = (reply: Reply) => String(reply.headers['set-cookie']?.[0]).split(';', 1)[0] ?? ''
      try {
        assert.is((await go('/ping')).text, 'pong')
        if (prefix !== '') assert.match((await ask(front.url + prefix)).headers.location ?? '', /\/sub\/$/)
        const { name: user } = account
        const login = await go('/postern/v1/login', { body: { user, password: account.password, cookie: true } })
        assert.is(login.status, 200, login.text)
        assert.match(cookieOf(login), new RegExp(`^postern-${front.port}=`))
        const Cookie = cookieOf(login)
        assert.is((await go('/postern/v1/me', { headers: { Cookie } })).status, 200)
        await hearEvents(front, prefix, { Cookie, Origin: origin })
        const sessions = JSON.parse((await root.run(['sessions', '--user', user, '--json'])).stdout)
        assert.is(sessions.items[0].source, `ip:${client}`)
        assert.is((await go('/postern/v1/logout', { method: 'POST', headers: { Cookie } })).status, 200)
        assert.is((await go('/postern/v1/me', { headers: { Cookie } })).status, 401)
        const form = new URLSearchParams({ user, password: account.password, next: '/postern/' })
        const inside = await go('/login', { body: form })
        assert.equal([inside.status, inside.headers.location], [303, `${prefix}/postern/`])
        const shown = await go('/postern/', { headers: { Cookie: cookieOf(inside), Accept: 'text/html' } })
        assert.is(shown.status, 200)
        for (const [, link] of shown.text.matchAll(/ (?:href|src|action)="([^"#][^"]*)"/g))
          assert.ok(String(link).startsWith(path), link)
        const out = await go('/postern/logout', {
          body: new URLSearchParams(),
          headers: { Cookie: cookieOf(inside) },
        })
        assert.equal([out.status, out.headers.location], [303, `${prefix}/login`])
        assert.is((await go('/postern/v1/me', { headers: { Cookie: cookieOf(inside) } })).status, 401)
        const foreign = await go('/login', { body: form, headers: { Origin: 'http://evil.example' } })
        assert.is(foreign.status, 403)
        const host = `${front.url}${path}`
        const cli = await person.run(['login', '--host', host, '--password-stdin'], account.password)
        assert.is(cli.status, 0, cli.stderr)
        assert.is((await person.run(['whoami', '--host', host])).status, 0)
        const token = (await person.run(['token', '--host', host])).stdout.trim()
        await hearEvents(front, prefix, { Authorization: `Bearer ${token}` })
        assert.is((await person.run(['logout', '--host', host])).status, 0)
      } finally {
        await front.remove()
      }
    })

    test(`${title}: a WebSocket passes both ways, and says where it comes from`, async context => {
      const socketPath = join(context.daemon.directory, `echo-${proxy}-${prefix.slice(1)}.sock`)
      const port = await freePort()
      const isSocket = (await printed(context, [proxy, ...way])).includes('trusted_proxies: [unix]')
      const echo = startEcho(isSocket ? socketPath : port)
      const upstream = isSocket ? ['--socket', socketPath] : ['--address', `127.0.0.1:${port}`]
      let front: FrontProxy | null = null
      try {
        front = await startWith(proxy, await printed(context, [proxy, '--path', path, ...upstream]))
        const { head, said } = await openSocket(front, `${prefix}/events`)
        assert.is(said, 'hello')
        const { url, headers } = head
        assert.is(url, '/events')
        assert.is(headers.host, `${name}:${front.port}`)
        assert.equal([headers['x-forwarded-for'], headers['x-forwarded-proto']], ['127.0.0.1', 'http'])
        assert.is(headers['x-forwarded-prefix'] ?? '', prefix)
        assert.is(headers.forwarded, undefined)
      } finally {
        await front?.remove()
        echo.closeAllConnections()
        echo.close()
      }
    })
  }

/** Opens the stream of events through the proxy, as somebody else at another machine cannot by a page of theirs. */
async function hearEvents(front: FrontProxy, prefix: string, headers: Record<string, string>): Promise<void> {
  const url = `ws${front.url.slice(4)}${prefix}/postern/v1/events`
  const own = { Host: `${name}:${front.port}`, ...headers }
  const stream = await listen(url, { headers: own, localAddress: client })
  assert.is((await stream.next(() => true)).kind, 'ready')
  await stream.close()
  if (headers.Cookie === undefined) return
  const foreign = await listen(url, { headers: { ...own, Origin: 'http://evil.example' } }).catch(fault => fault)
  assert.is(foreign.status, 403)
}

/** A server that upgrades, tells the head of the request, and says back what it hears. */
function startEcho(at: string | number): Server {
  const server = createServer((_, response) => response.writeHead(400).end())
  server.on('upgrade', ({ url, headers }, socket) => {
    // RFC 6455 section 4.2.2; HAProxy looks at it.
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    const fields = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${accept.digest('base64')}`]
    const head = Buffer.from(JSON.stringify({ url, headers })).toString('base64')
    socket.on('error', () => {})
    socket.write(['HTTP/1.1 101 Switching Protocols', ...fields, `X-Head: ${head}`, '', ''].join('\r\n'))
    socket.pipe(socket)
  })
  if (typeof at === 'string') return server.listen({ path: at, readableAll: true, writableAll: true })
  return server.listen(at, '127.0.0.1')
}

/** Upgrades as a browser does, with what a stranger may add, says hello and resolves with what comes back. */
function openSocket(
  front: FrontProxy,
  path: string,
): Promise<{ head: { url: string; headers: Record<string, string> }; said: string }> {
  const headers = {
    Host: `${name}:${front.port}`,
    Connection: 'keep-alive, Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'X-Forwarded-For': '203.0.113.5',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Prefix': '/evil',
    Forwarded: 'for=203.0.113.5',
  }
  return new Promise((resolve, reject) => {
    const asked = request(front.url + path, { headers })
    asked.once('error', reject)
    asked.once('response', response => reject(new Error(`HTTP ${response.statusCode}`)))
    asked.once('upgrade', (response, socket) => {
      socket.once('data', chunk => {
        socket.destroy()
        const head = JSON.parse(Buffer.from(String(response.headers['x-head']), 'base64').toString())
        resolve({ head, said: chunk.toString() })
      })
      socket.write('hello')
    })
    asked.end()
  })
}

test('a name that is not ours is refused with the line to add: to the program, on the page, in the log once a minute', async context => {
  const { daemon } = context
  const text = await printed(context, ['nginx', '--address', '--path', '/sub/'])
  await applyLines(context, text)
  const front = await startWith('nginx', text)
  try {
    const headers = { Host: 'other.example' }
    for (let time = 0; time < 3; time += 1) {
      const reply = await ask(`${front.url}/sub/ping`, { headers })
      assert.is(reply.status, 421)
      assert.match(String(reply.json().detail), /"other\.example".*hosts: \[other\.example\]/)
    }
    const page = await ask(`${front.url}/sub/ping`, { headers: { ...headers, Accept: 'text/html' } })
    assert.match(page.text, /hosts: \[other\.example\]/)
    assert.match(page.text, /href="\/sub\/postern\/assets/)
    assert.is(daemon.log().split('write hosts: [other.example]').length - 1, 1)
  } finally {
    await front.remove()
  }
})

test('an Origin behind a proxy that is not trusted is refused with the line to add', async context => {
  const { daemon, root } = context
  daemon.configure(base)
  await root.run(['call', 'config.reload'])
  const front = await startNginx(
    `location / { proxy_pass ${daemon.url}; proxy_set_header X-Forwarded-For $remote_addr; }`,
  )
  try {
    const body = new URLSearchParams({ user: 'x', password: 'y' })
    const reply = await ask(`${front.url}/login`, { body, headers: { Origin: front.url } })
    assert.is(reply.status, 403)
    const { detail } = reply.json()
    assert.match(String(detail), new RegExp(`Origin "${front.url}".*trusted_proxies: \\[127\\.0\\.0\\.1\\]`))
    assert.match(daemon.log(), /origin_foreign.*trusted_proxies: \[127\.0\.0\.1\]/)
  } finally {
    await front.remove()
  }
})

test('X-Forwarded-Host of a trusted proxy decides, and must be ours; of anybody else it is nothing', async context => {
  const { daemon, root, account } = context
  const body = new URLSearchParams({ user: account.name, password: account.password })
  const headers = { 'X-Forwarded-Host': name, 'X-Forwarded-Proto': 'https', Origin: `https://${name}` }
  daemon.configure({ ...base, hosts: [name] })
  await root.run(['call', 'config.reload'])
  assert.is((await daemon.ask('/login', { body, headers })).status, 403)
  daemon.configure({ ...base, hosts: [name], trusted_proxies: ['127.0.0.1'] })
  await root.run(['call', 'config.reload'])
  const reply = await daemon.ask('/login', { body, headers })
  assert.is(reply.status, 303, reply.text)
  assert.match(String(reply.headers['set-cookie']?.[0]), /^__Host-postern-443=.*; Secure/)
  for (const [forwarded, own] of [
    ['evil.example', '127.0.0.1'],
    [`${name}, evil.example`, '127.0.0.1'],
    ['', '127.0.0.1'],
    ['not a host', '127.0.0.1'],
    [name, 'evil.example'],
  ])
    assert.is(
      (await daemon.ask('/ping', { headers: { 'X-Forwarded-Host': forwarded, Host: own } })).status,
      421,
      `${forwarded} at ${own}`,
    )
})

test.run()
