/** The gates' processes: nobody's rights, ended when they do not obey, back when they fall, and what they do without a keeper. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon, type Tokens } from '../support/daemon.ts'
import type { Reply } from '../support/http.ts'

const test = suite('e2e gate')
let daemon: Daemon
let alice: Account

test.before(async () => {
  alice = await createAccount()
  const login = { allow: { users: [alice.name] }, failure_delay_seconds: 0.5 }
  daemon = await startDaemon({ config: { login, gate: { workers: 3 }, insecure: { throttle_off: true } } })
})
test.after(async () => {
  await daemon?.remove()
  await alice?.remove()
})

const login = () => daemon.tokens(alice.name, alice.password)

async function gatePids(): Promise<number[]> {
  const reply = await daemon.ask('/postern/v1/status', { token: daemon.token() })
  return (reply.json().gates as { pid: number }[]).map(({ pid }) => pid)
}

/** Asks until a condition holds; throws when it does not within 10 s. */
async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const endMs = performance.now() + 10_000
  for (;;) {
    const value = await ask()
    if (holds(value)) return value
    if (performance.now() > endMs) throw new Error(`it did not come to be, at last: ${JSON.stringify(value)}`)
    await wait(20)
  }
}

const check = (token: string) => daemon.ask('/postern/v1/check', { token })

/** Connections go to a gate by chance: as many as let each gate be asked. */
const everyGate = 24
const checkEverywhere = (token: string): Promise<Reply[]> =>
  Promise.all(Array.from({ length: everyGate }, () => check(token)))
const statuses = (replies: readonly Reply[]) => [...new Set(replies.map(({ status }) => status))]

test('as many gates run as are configured', async () => {
  assert.is((await gatePids()).length, 3)
})

test('a gate is nobody: its own uid, no further groups, no capabilities, no new privileges', async () => {
  const uid = Number(execFileSync('id', ['-u', 'postern'], { encoding: 'utf8' }))
  const gid = Number(execFileSync('id', ['-g', 'postern'], { encoding: 'utf8' }))
  for (const pid of await gatePids()) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)?.[1]
    assert.is(field('Uid'), Array(4).fill(uid).join('\t'))
    assert.is(field('Gid'), Array(4).fill(gid).join('\t'))
    assert.is(field('Groups'), '')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.is(field(set), '0000000000000000', set)
    assert.is(field('NoNewPrivs'), '1')
  }
})

test('a gate has nothing of the keeper’s environment, and holds no file of the keeper’s', async () => {
  for (const pid of await gatePids()) {
    assert.is(readFileSync(`/proc/${pid}/environ`, 'utf8'), 'MALLOC_ARENA_MAX=1\0')
    const files = execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' })
    assert.not.match(files, `${daemon.directory}/state`)
    assert.not.match(files, `${daemon.directory}/log`)
  }
})

test('the keeper listens on no network socket', () => {
  const { pid } = daemon.process
  const inodes = [...execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' }).matchAll(/socket:\[(\d+)\]/g)]
  const rows = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap(name =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n'),
  )
  for (const [, inode] of inodes) assert.not.ok(rows.some(row => row.trim().split(/\s+/)[9] === inode))
})

test('a session that every gate knows is ended in every gate when the revoke is answered', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { access_token: token, session } = await login()
    assert.equal(statuses(await checkEverywhere(token)), [200])
    const reply = await daemon.ask(`/postern/v1/sessions/${session.id}`, { method: 'DELETE', token: daemon.token() })
    assert.is(reply.status, 200)
    assert.equal(statuses(await checkEverywhere(token)), [401])
  }
})

const endings: [name: string, end: (mine: Tokens) => Promise<Reply>][] = [
  ['a logout', ({ access_token: token }) => daemon.ask('/postern/v1/logout', { method: 'POST', token })],
  [
    'a revoke_all of the user',
    () => daemon.ask('/postern/v1/sessions/revoke', { token: daemon.token(), body: { user: alice.name } }),
  ],
]
for (const [name, end] of endings)
  test(`${name} is in force in every gate when it is answered`, async () => {
    const mine = await login()
    await checkEverywhere(mine.access_token)
    assert.is((await end(mine)).status, 200)
    assert.equal(statuses(await checkEverywhere(mine.access_token)), [401])
  })

test('the reuse of a refresh token ends the session in every gate', async () => {
  const first = await login()
  const refresh = () => daemon.ask('/postern/v1/refresh', { body: { refresh_token: first.refresh_token } })
  const second = (await refresh()).json() as unknown as Tokens
  assert.equal(statuses(await checkEverywhere(second.access_token)), [200])
  assert.is((await refresh()).status, 401)
  assert.equal(statuses(await checkEverywhere(second.access_token)), [401])
  assert.equal(statuses(await checkEverywhere(first.access_token)), [401])
})

test('while requests run no answer is a yes once the revoke was answered', async () => {
  const { access_token: token, session } = await login()
  let revokedAtMs = Number.POSITIVE_INFINITY
  const late: number[] = []
  const ask = async () => {
    for (;;) {
      const askedAtMs = performance.now()
      const { status } = await check(token)
      if (status === 200 && performance.now() > revokedAtMs && askedAtMs > revokedAtMs)
        late.push(askedAtMs - revokedAtMs)
      if (askedAtMs > revokedAtMs + 300) return
    }
  }
  const asking = Array.from({ length: 8 }, ask)
  await wait(200)
  await daemon.ask(`/postern/v1/sessions/${session.id}`, { method: 'DELETE', token: daemon.token() })
  revokedAtMs = performance.now()
  await Promise.all(asking)
  assert.equal(late, [])
})

test('a gate that does not confirm is ended within about a second, and the revoke answered after', async () => {
  const { access_token: token, session } = await login()
  await checkEverywhere(token)
  const before = await gatePids()
  const [stopped = 0] = before
  process.kill(stopped, 'SIGSTOP')
  // Over root's socket: the request must not go to the gate that sleeps.
  const startedMs = performance.now()
  const output = execFileSync(
    process.execPath,
    ['-e', revokeScript, `${daemon.runtime}/root.sock`, daemon.token(), session.id],
    { encoding: 'utf8' },
  )
  const tookMs = performance.now() - startedMs
  assert.match(output, '"ok":true')
  assert.ok(tookMs > 900 && tookMs < 3000, `${tookMs} ms`)
  assert.not.ok(isAlive(stopped))
  const after = await until(gatePids, pids => pids.length === 3)
  assert.not.ok(after.includes(stopped))
  assert.equal(statuses(await checkEverywhere(token)), [401])
  assert.match(daemon.log(), 'it did not forget within a second')
})

/** Asks root's socket for session.revoke, as frames. */
const revokeScript = `
  const [path, token, id] = process.argv.slice(1)
  const from = { source: 'x', local: true, uid: 0, secure: false, agent: null }
  const text = JSON.stringify({ type: 'request', id: 1, operation: 'session.revoke', input: { id }, token, from })
  const size = Buffer.alloc(4)
  size.writeUInt32BE(Buffer.byteLength(text))
  const socket = require('node:net').connect(path, () => socket.write(Buffer.concat([size, Buffer.from(text)])))
  socket.once('data', data => { console.log(data.subarray(4).toString()); socket.destroy() })`

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('a gate that is killed is started again, the one with the UNIX socket too', async () => {
  const before = await gatePids()
  for (const pid of before) process.kill(pid, 'SIGKILL')
  const refused = (): Promise<null> => Promise.resolve(null)
  const reply = await until(
    () => daemon.login(alice.name, alice.password).catch(refused),
    answer => answer?.status === 200,
  )
  const token = String(reply?.json().access_token)
  const after = await until(gatePids, pids => pids.length === 3)
  for (const pid of before) assert.not.ok(after.includes(pid))
  const socketPath = `${daemon.directory}/gate-run/http.sock`
  const answers = await until(
    () => daemon.ask('/postern/v1/me', { token, socketPath }).catch(refused),
    reply => reply !== null && reply.status !== 503,
  )
  assert.is(answers?.status, 200)
})

test('without its keeper a gate answers 503 and has forgotten; the next keeper knows everybody, and root’s old token is dead', async () => {
  const { access_token: token, refresh_token: refreshToken } = await login()
  const former = daemon.token()
  assert.equal(statuses(await checkEverywhere(token)), [200])
  await daemon.stop('SIGKILL')
  const replies = await until(
    () => checkEverywhere(token),
    all => statuses(all).length === 1,
  )
  assert.equal(statuses(replies), [503])
  const page = await daemon.ask('/login', { headers: { Accept: 'text/html' } })
  assert.equal(
    [page.status, page.headers.refresh],
    [503, '2'],
    'the page asks again by itself: nobody stands before a kiosk',
  )
  assert.is(replies[0]?.headers['content-type'], 'application/problem+json')
  await daemon.start()
  // The gates of before make way as soon as they see the next keeper.
  const isOver = (all: readonly Reply[]) => !statuses(all).includes(503)
  assert.equal(statuses(await until(() => checkEverywhere(token), isOver)), [200])
  assert.is((await check(former)).status, 401)
  assert.is.not(daemon.token(), former)
  assert.is((await check(daemon.token())).status, 200)
  const refreshed = await daemon.ask('/postern/v1/refresh', { body: { refresh_token: refreshToken } })
  assert.is(refreshed.status, 200)
  assert.is((await gatePids()).length, 3)
})

test('after a clean stop nothing is left that runs or listens', async () => {
  const pids = [...(await gatePids()), daemon.process.pid ?? 0]
  await daemon.stop()
  for (const pid of pids) assert.not.ok(isAlive(pid))
  await daemon.ask('/ping').then(
    () => assert.unreachable('somebody answers'),
    (fault: NodeJS.ErrnoException) => assert.is(fault.code, 'ECONNREFUSED'),
  )
  await daemon.start()
})

test.run()
