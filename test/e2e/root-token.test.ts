/** Root's token: there before the daemon is ready, root's alone at every instant, honoured from this machine only, gone after the stop. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { cleanAtEnd } from '../support/cleanup.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Ask } from '../support/http.ts'
import { openNotifySocket, standsStill } from '../support/notify-socket.ts'
import { waitFor } from './login-drive.ts'

const test = suite('e2e root token')
let daemon: Daemon
let person: Account

test.before(async () => {
  person = await createAccount()
  daemon = await startDaemon({ config: { token: { access_seconds: 10 } } })
})
test.after(async () => {
  await daemon?.remove()
  await person?.remove()
})

const path = () => join(daemon.runtime, 'token')
const me = (token: string, ask: Ask = {}) => daemon.ask('/postern/v1/me', { token, ...ask })

/** Waits for another token in the file. */
async function nextToken(former: string): Promise<string> {
  for (let waited = 0; waited < 10_000; waited += 50) {
    await wait(50)
    if (existsSync(path()) && daemon.token() !== former) return daemon.token()
  }
  throw new Error('the token was not renewed')
}

test('the file is root’s, 0400, a plain file, in a directory that only root writes', () => {
  const { mode, uid, nlink } = lstatSync(path())
  assert.equal([mode & 0o177777, uid, nlink], [0o100400, 0, 1])
  assert.is(lstatSync(daemon.runtime).mode & 0o7777, 0o755)
})

test('it is a session of root with every permission', async () => {
  const { user, permissions, session } = (await me(daemon.token())).json() as {
    user: { name: string }
    permissions: string[]
    session: { kind: string }
  }
  assert.equal([user.name, session.kind], ['root', 'root'])
  assert.ok(permissions.includes('*'))
})

test('it satisfies a step-up', async () => {
  const reply = await daemon.ask('/postern/v1/signing/rotate', { token: daemon.token(), method: 'POST' })
  assert.is(reply.status, 200)
})

const froms: [name: string, ask: () => Ask, status: number][] = [
  ['root over loopback', () => ({}), 200],
  ['a person over loopback', () => ({ uid: person.uid }), 200],
  ['a system account, as a proxy has', () => ({ uid: 33 }), 401],
  ['a uid that is nobody’s account, as a container’s proxy has', () => ({ uid: 100_033 }), 401],
  ['nobody', () => ({ uid: 65534 }), 401],
  ['the UNIX socket, where proxies are', () => ({ socketPath: join(daemon.directory, 'gate-run/http.sock') }), 401],
  ['a proxy with X-Forwarded-For', () => ({ headers: { 'X-Forwarded-For': '127.0.0.1' } }), 401],
  ['a proxy with an empty X-Forwarded-For', () => ({ headers: { 'X-Forwarded-For': '' } }), 401],
  ['a proxy with Forwarded', () => ({ headers: { Forwarded: 'for=127.0.0.1' } }), 401],
  ['a proxy with X-Forwarded-Host', () => ({ headers: { 'X-Forwarded-Host': 'localhost' } }), 401],
  ['a proxy with X-Real-IP', () => ({ headers: { 'X-Real-IP': '127.0.0.1' } }), 401],
  ['a proxy with Via', () => ({ headers: { Via: '1.1 x' } }), 401],
  ['a request for another address of the machine', () => ({ headers: { Host: `192.0.2.1:${daemon.port}` } }), 401],
  ['another loopback address', () => ({ localAddress: '127.0.0.2' }), 200],
]
for (const [name, ask, status] of froms)
  test(`from ${name} it is answered ${status}, remembered or not`, async () => {
    const token = daemon.token()
    for (let round = 0; round < 2; round += 1) {
      assert.is((await me(token, ask())).status, status)
      assert.is((await daemon.ask('/postern/v1/check', { token, ...ask() })).status, status)
      assert.is((await me(token)).status, 200)
    }
  })

test('it is honoured over IPv6 loopback', async () => {
  const { ask } = await import('../support/http.ts')
  const reply = await ask(`http://[::1]:${daemon.port}/postern/v1/me`, { token: daemon.token() })
  assert.is(reply.status, 200)
})

test('it is renewed at half its life, and the former one is still good then', async () => {
  const first = await nextToken(daemon.token())
  const renewedMs = performance.now()
  const second = await nextToken(first)
  const passed = (performance.now() - renewedMs) / 1000
  assert.ok(passed > 4 && passed < 8, `${passed} s`)
  assert.is((await me(second)).status, 200)
  assert.is((await me(first)).status, 200)
})

test('root that logs out, or ends all sessions of root, has the next token at once', async () => {
  for (const ask of [
    { path: '/postern/v1/logout', body: {} },
    { path: '/postern/v1/sessions/revoke', body: {} },
  ]) {
    const former = daemon.token()
    assert.is((await daemon.ask(ask.path, { token: former, body: ask.body })).status, 200)
    assert.is.not(daemon.token(), former)
    assert.is((await me(former)).status, 401)
    assert.is((await me(daemon.token())).status, 200)
  }
})

/** Another user who tries everything at the path until told to stop; says what it got. */
async function startHostile(): Promise<{ child: ChildProcess; stop(): Promise<{ tries: number; got: string[] }> }> {
  const playground = join(daemon.directory, 'playground')
  mkdirSync(playground, { recursive: true })
  chmodSync(playground, 0o1777)
  const child = spawn(process.execPath, ['-e', hostile, daemon.runtime, playground], {
    ...{ uid: person.uid, gid: person.uid, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  })
  await once(child, 'message')
  return {
    child,
    async stop() {
      const answer = once(child, 'message')
      child.send('stop')
      const [report] = await answer
      child.kill()
      return report as { tries: number; got: string[] }
    },
  }
}

const hostile = `
  const fs = require('node:fs')
  const [runtime, playground] = process.argv.slice(1)
  const path = runtime + '/token'
  const got = new Set()
  let tries = 0
  const attempt = (what, act) => { try { const value = act(); got.add(what + ': ' + String(value).slice(0, 40)) } catch {} }
  fs.writeFileSync(playground + '/bait', '')
  process.on('message', () => process.send({ tries, got: [...got] }))
  process.send('ready')
  // Keeps its hands on whatever it could open: a file that is made secret later is read then.
  const open = []
  const round = () => {
    for (let at = 0; at < 200; at += 1) {
      tries += 1
      let names = ['token']
      try { names = ['token', ...fs.readdirSync(runtime).filter(name => name.startsWith('token'))] } catch {}
      for (const name of names) {
        const one = runtime + '/' + name
        attempt('read', () => fs.readFileSync(one, 'utf8'))
        try { open.push(fs.openSync(one, 'r')) } catch {}
        attempt('linked', () => { fs.linkSync(one, playground + '/' + tries); return fs.readFileSync(playground + '/' + tries, 'utf8') })
      }
      attempt('renamed', () => fs.renameSync(path, playground + '/mine'))
      attempt('replaced', () => fs.renameSync(playground + '/bait', path))
      attempt('planted a link', () => fs.symlinkSync(playground + '/bait', path))
      attempt('planted a file', () => fs.writeFileSync(path, 'x'))
      attempt('removed', () => fs.unlinkSync(path))
      attempt('opened the directory', () => fs.chmodSync(runtime, 0o777))
      attempt('exchanged the directory', () => fs.renameSync(runtime, runtime + '.mine'))
      attempt('read the bait', () => { const text = fs.readFileSync(playground + '/bait', 'utf8'); if (text === '') throw 0; return text })
    }
    for (const fd of open.splice(0)) { attempt('read later', () => fs.readFileSync(fd, 'utf8')); fs.closeSync(fd) }
    setImmediate(round)
  }
  round()`

test('another user who creates, links, opens and watches without a pause never gets it, over starts, renewals and stops', async () => {
  const watcher = await startHostile()
  await nextToken(daemon.token())
  for (let round = 0; round < 4; round += 1) {
    await daemon.stop(round % 2 === 0 ? 'SIGTERM' : 'SIGKILL')
    await daemon.start()
    // Each write is a moment of its own: logging out brings the next one.
    for (let write = 0; write < 10; write += 1)
      await daemon.ask('/postern/v1/logout', { token: daemon.token(), method: 'POST' })
  }
  await daemon.stop()
  await wait(100)
  const { tries, got } = await watcher.stop()
  await daemon.start()
  assert.equal(got, [])
  assert.ok(tries > 500, `${tries} tries`)
})

test('it is there, and good, when the service manager is told that the daemon is ready', async () => {
  await daemon.stop()
  const address = join(daemon.directory, 'notify')
  const manager = openNotifySocket(address)
  const posternd = spawn(process.execPath, ['dist/posternd.cjs', '--config', daemon.configFile], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: 'ignore',
    env: { PATH: process.env.PATH, NOTIFY_SOCKET: address },
  })
  const ended = once(posternd, 'exit')
  const forget = cleanAtEnd(() => posternd.kill())
  try {
    assert.not(existsSync(path()))
    await waitFor('it is about to tell', () => standsStill(posternd.pid ?? 0))
    const token = daemon.token()
    const told: string[] = []
    await waitFor('it has told', () => told.push(...manager.read()) > 0)
    assert.match(told[0] ?? '', /^READY=1$/m)
    assert.is((await me(token)).status, 200)
  } finally {
    manager.close()
    posternd.kill()
    await ended
    forget()
  }
  await daemon.start()
})

test('a clean stop removes it, and leaves nothing for clients to find', async () => {
  await daemon.stop()
  assert.equal(readdirSync(daemon.runtime), [])
  await daemon.start()
})

test('a token of before the restart is dead, after a clean stop and after a fall', async () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const former = daemon.token()
    await daemon.stop(signal)
    await daemon.start()
    assert.is((await me(former)).status, 401, signal)
    assert.is((await me(daemon.token())).status, 200, signal)
  }
})

test('a link that root planted at the path by mistake is replaced, not followed', async () => {
  await daemon.stop()
  const target = join(daemon.directory, 'target')
  writeFileSync(target, 'target', { mode: 0o644 })
  symlinkSync(target, path())
  await daemon.start()
  assert.ok(lstatSync(path()).isFile())
  assert.is(readFileSync(target, 'utf8'), 'target')
  assert.throws(() => readlinkSync(path()))
})

const directories: [name: string, spoil: () => void, mend: () => void, expected: RegExp][] = [
  [
    'a runtime directory that others can write',
    () => chmodSync(daemon.runtime, 0o777),
    () => chmodSync(daemon.runtime, 0o755),
    /run is writable by others/,
  ],
  [
    'a parent that others can write',
    () => chmodSync(daemon.directory, 0o777),
    () => chmodSync(daemon.directory, 0o755),
    /writable by others, who could put another directory/,
  ],
]
for (const [name, spoil, mend, expected] of directories)
  test(`with ${name} the daemon does not start, and says so`, async () => {
    await daemon.stop()
    spoil()
    let message = ''
    try {
      await daemon.start()
    } catch (fault) {
      message = String(fault)
    } finally {
      mend()
    }
    assert.match(message, expected)
    assert.not.ok(existsSync(path()))
    await daemon.start()
  })

test.run()
