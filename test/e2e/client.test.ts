/** The typed client over real sockets: a real daemon, and servers that are not postern. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ClientError, type ClientErrorCode, createHttpClient } from '../../server/client/http.ts'
import { createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite('e2e/client')

let daemon: Daemon
let account: Awaited<ReturnType<typeof createAccount>>
test.before(async () => {
  account = await createAccount()
  daemon = await startDaemon({ config: { login: { allow: { users: [account.name] } } } })
})
test.after(async () => {
  await daemon?.remove()
  await account?.remove()
})

test('logs in, asks with the token, and logs out, at a real daemon', async () => {
  let token: string | null = null
  const call = createHttpClient({ origin: daemon.url, token: () => token, timeoutMs: 10_000 })
  const login = await call('login.begin', { user: account.name, password: account.password })
  assert.ok(login.ok)
  token = login.value.access_token
  const me = await call('session.current', {})
  assert.ok(me.ok)
  assert.is(me.value.user.name, account.name)
  const list = await call('session.list', { limit: 1, everyone: false })
  assert.ok(list.ok && list.value.items.length === 1)
  const status = await call('status', {})
  assert.ok(!status.ok && status.reason === 'forbidden')
  assert.ok((await call('session.revoke', { id: login.value.session.id })).ok)
  const after = await call('session.current', {})
  assert.ok(!after.ok && after.reason === 'unauthenticated')
})

test('gives the next step of a login as a refusal with its prompts', async () => {
  const call = createHttpClient({ origin: daemon.url, timeoutMs: 10_000 })
  const answer = await call('login.begin', { user: account.name })
  assert.ok(!answer.ok && answer.reason === 'login_continues')
  const { conversation, prompts } = answer.more as { conversation: string; prompts: unknown }
  assert.equal(prompts, [{ kind: 'secret', text: 'Password: ' }])
  const done = await call('login.answer', { conversation, answers: [account.password] })
  assert.ok(done.ok)
})

test('speaks over the UNIX socket and IPv6 too', async () => {
  const unix = createHttpClient({ socketPath: join(daemon.directory, 'gate-run/http.sock'), timeoutMs: 10_000 })
  const six = createHttpClient({ origin: `http://[::1]:${daemon.port}`, timeoutMs: 10_000 })
  for (const call of [unix, six]) {
    const answer = await call('session.current', {})
    assert.ok(!answer.ok && answer.reason === 'unauthenticated')
  }
})

async function expectFault(code: ClientErrorCode, origin: string, timeoutMs = 5000): Promise<void> {
  try {
    await createHttpClient({ origin, timeoutMs })('session.current', {})
  } catch (fault) {
    assert.instance(fault, ClientError)
    return assert.is((fault as ClientError).code, code)
  }
  assert.unreachable()
}

async function withServer(server: Server, use: (origin: string) => Promise<void>): Promise<void> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections?.()
    await new Promise(resolve => server.close(resolve))
  }
}

const json = { 'content-type': 'application/json' }
const strangers: { name: string; code: ClientErrorCode; answer: RequestListener; timeoutMs?: number }[] = [
  {
    name: 'that redirects: it is not followed',
    code: 'protocol',
    answer: (_, response) => response.writeHead(302, { location: '/x' }).end(),
  },
  {
    name: 'whose answer is over the limit',
    code: 'protocol',
    answer: (_, response) => response.writeHead(200, json).end(`"${'x'.repeat(3_000_000)}"`),
  },
  {
    name: 'that cuts the answer',
    code: 'interrupted',
    answer: (_, response) => {
      response.writeHead(200, { ...json, 'content-length': '100' }).write('{"a"')
      setTimeout(() => response.destroy(), 20)
    },
  },
  { name: 'that cuts the connection', code: 'interrupted', answer: request => request.socket.destroy() },
  { name: 'that says nothing', code: 'timeout', answer: () => {}, timeoutMs: 100 },
  {
    name: 'that never ends its answer',
    code: 'timeout',
    answer: (_, response) => response.writeHead(200, json).write('{'),
    timeoutMs: 100,
  },
]
for (const { name, code, answer, timeoutMs } of strangers) {
  test(`rejects with ${code} for a server ${name}`, () =>
    withServer(createServer(answer), origin => expectFault(code, origin, timeoutMs)))
}

test('rejects with protocol for what does not speak HTTP', async () => {
  const server = createTcpServer(socket => socket.end('SSH-2.0-OpenSSH\r\n\r\n'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  await expectFault('protocol', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  server.close()
})

test('rejects with unreachable where nobody listens', () => expectFault('unreachable', 'http://127.0.0.1:1'))

for (const origin of ['127.0.0.1:7640', 'http://127.0.0.1:7640/', 'ftp://x', 'http://u:p@127.0.0.1', '']) {
  test(`takes ${JSON.stringify(origin)} for no origin`, () => {
    assert.throws(
      () => createHttpClient({ origin, timeoutMs: 1 }),
      (fault: Error) => fault instanceof TypeError,
    )
  })
}

test('waits two minutes unless told otherwise', async () => {
  const asked = Promise.withResolvers<void>()
  const silent = createServer(() => asked.resolve())
  await withServer(silent, async origin => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const ended: unknown[] = []
      const call = createHttpClient({ origin })('session.current', {}).catch(fault => void ended.push(fault))
      await asked.promise
      mock.timers.tick(119_999)
      await turn()
      assert.equal(ended, [])
      mock.timers.tick(1)
      await call
      assert.is((ended[0] as ClientError).code, 'timeout')
    } finally {
      mock.timers.reset()
    }
  })
})

test.run()
