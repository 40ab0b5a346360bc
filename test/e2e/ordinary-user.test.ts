/** postern as an ordinary user: it works, says what it does not protect from, and its owner is to it what root is to the system's. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { version } from '../../server/operations/version.ts'
import { type Account, createAccount, createPamService, type PamService, UNIX_RULES } from '../support/account.ts'
import { freePort, startDaemon } from '../support/daemon.ts'
import { ask } from '../support/http.ts'

const test = suite('e2e ordinary user')
const root = join(import.meta.dirname, '../..')

/** Programs that any user can run, wherever the tree is. */
function copyPrograms(folder: string): void {
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  for (const name of ['koffi', '@koromix', 'better-sqlite3'])
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
      // The sources of SQLite are large.
      filter: path => !/better-sqlite3\/(deps|src)$/.test(path),
    })
  cpSync(process.execPath, join(folder, 'node'))
}

const as = ({ uid }: Account) => [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--']

/** An instance that an account runs. */
interface Own {
  readonly runtime: string
  readonly url: string
  readonly process: ChildProcess
  log(): string
  token(): string
  stop(): Promise<void>
}

let folder: string
let owner: Account
let friend: Account
let service: PamService
let anybody: PamService
let own: Own
let open: Own

/** Starts one in a home of its own; resolves when it is ready, and rejects with what it said when it ends instead. */
async function start(who: Account, config: object): Promise<Own> {
  const home = mkdtempSync(join(folder, 'home-'))
  chmodSync(home, 0o755)
  chownSync(home, who.uid, who.uid)
  const port = await freePort()
  const file = join(home, 'server.yml')
  const listen = [{ unix: 'http.sock' }, { address: '127.0.0.1', port }]
  writeFileSync(file, JSON.stringify({ listen, ...config }))
  // No paths: those of XDG.
  const env = { PATH: process.env.PATH ?? '', HOME: home, XDG_RUNTIME_DIR: join(home, 'run') }
  // Commonly 0700: here open, so that what is inside has to protect itself.
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o755 })
  chownSync(env.XDG_RUNTIME_DIR, who.uid, who.uid)
  const words = [join(folder, 'node'), join(folder, 'dist/posternd.cjs'), '--config', file]
  const child = spawn('setpriv', [...as(who), ...words], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', chunk => {
      log += chunk
      if (log.includes('ready, version')) resolve()
    })
    child.once('exit', code => reject(new Error(`posternd ended (${code}):\n${log}`)))
  })
  const runtime = join(env.XDG_RUNTIME_DIR, 'postern')
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
  const token = () => readFileSync(join(runtime, 'token'), 'utf8').trim()
  return { runtime, url: `http://127.0.0.1:${port}`, process: child, log: () => log, token, stop }
}

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-ordinary-'))
  chmodSync(folder, 0o755)
  copyPrograms(folder)
  owner = await createAccount()
  friend = await createAccount()
  service = createPamService(UNIX_RULES)
  // An ordinary user's PAM can prove nobody else's password: here everybody's is right, so that the lists decide.
  anybody = createPamService(['auth required pam_permit.so', 'account required pam_permit.so'])
  const login = { failure_delay_seconds: 0.5 }
  const insecure = { throttle_off: true }
  own = await start(owner, { login, insecure, pam: { service: service.name } })
  const lists = { login: { ...login, allow: { users: [friend.name], groups: [] } }, roles: { admin: { users: [] } } }
  open = await start(owner, { ...lists, insecure, pam: { service: anybody.name } })
})
test.after(async () => {
  await own?.stop()
  await open?.stop()
  await service?.remove()
  await anybody?.remove()
  await owner?.remove()
  await friend?.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** As `uid`, whose connections are local. */
const loginAt = ({ url }: Own, { uid }: Account, user: string, password: string) =>
  ask(`${url}/postern/v1/login`, { uid, body: { user, password } })

const meAt = async ({ url }: Own, { uid }: Account, token: unknown) =>
  (await ask(`${url}/postern/v1/me`, { uid, token: String(token) })).json()

/** The postern command as that user. */
function postern(who: Account, { runtime }: Own, ...words: string[]) {
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', POSTERN_RUNTIME: runtime }
  const argv = [...as(who), join(folder, 'node'), join(folder, 'dist/postern.cjs'), ...words]
  return spawnSync('setpriv', argv, { encoding: 'utf8', env, timeout: 10_000 })
}

test('it says at the start that there is no boundary between keeper and gate', () => {
  assert.match(own.log(), `runs as uid ${owner.uid}: keeper and gate share it, so there is no boundary between them`)
})

test('keeper and gate are processes of that user', () => {
  const { pid = 0 } = own.process
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  assert.is(children.length, 1)
  for (const one of [String(pid), ...children])
    assert.match(readFileSync(`/proc/${one}/status`, 'utf8'), `Uid:\t${Array(4).fill(owner.uid).join('\t')}\n`)
})

test('what it writes is that user’s, and the secrets are nobody else’s to read', () => {
  const { runtime } = own
  const home = join(runtime, '../..')
  const modes = {
    [runtime]: 0o755,
    [join(runtime, 'token')]: 0o400,
    [join(runtime, 'root.sock')]: 0o600,
    [join(runtime, 'keeper.sock')]: 0o600,
    [join(home, '.local/state/postern')]: 0o700,
    [join(home, '.local/state/postern/postern.db')]: 0o600,
    [join(home, '.local/state/postern/keys')]: 0o700,
    [join(home, '.local/state/postern/log')]: 0o750,
  }
  const found = Object.fromEntries(Object.keys(modes).map(path => [path, lstatSync(path)]))
  for (const [path, mode] of Object.entries(modes)) {
    assert.is(found[path]?.uid, owner.uid, path)
    assert.is((found[path]?.mode ?? 0) & 0o7777, mode, path)
  }
})

test('who runs it logs in with a password, by PAM, though no list names them, and is admin', async () => {
  const reply = await loginAt(own, owner, owner.name, owner.password)
  assert.is(reply.status, 200, reply.text)
  const me = await meAt(own, owner, reply.json().access_token)
  assert.equal(me.user, { ...(me.user as object), name: owner.name, realm: 'pam' })
  assert.equal(me.roles, ['admin'])
  assert.equal(me.permissions, ['*'])
  assert.is((await loginAt(own, owner, owner.name, 'wrong')).status, 401)
})

test('lists that do not name who runs it keep them from nothing', async () => {
  const reply = await loginAt(open, owner, owner.name, 'any')
  assert.is(reply.status, 200, reply.text)
  assert.equal((await meAt(open, owner, reply.json().access_token)).roles, ['admin'])
})

test('another user needs the list, and is no admin for it', async () => {
  assert.is((await loginAt(open, friend, 'nobody', 'any')).status, 401)
  const reply = await loginAt(open, friend, friend.name, 'any')
  assert.is(reply.status, 200, reply.text)
  const me = await meAt(open, friend, reply.json().access_token)
  assert.equal([me.roles, me.permissions], [[], []])
})

test('root is to it a user like others', async () => {
  assert.is((await ask(`${open.url}/postern/v1/login`, { body: { user: 'root', password: 'any' } })).status, 401)
})

test('the system’s instance makes no such exception for root: the list decides', async () => {
  const config = { login: { allow: { users: [friend.name] }, failure_delay_seconds: 0.5 } }
  const system = await startDaemon({ config, pam: ['auth required pam_permit.so', 'account required pam_permit.so'] })
  try {
    assert.is((await system.login('root', 'any')).status, 401)
    assert.is((await system.login(friend.name, 'any')).status, 200)
    assert.not.match(system.log(), 'no boundary')
  } finally {
    await system.remove()
  }
})

test('the token file is the way in for the command of who runs it, without a login', async () => {
  const status = postern(owner, own, 'status')
  assert.is(status.status, 0, status.stderr)
  const who = JSON.parse(postern(owner, own, 'whoami', '--json').stdout)
  assert.equal([who.user.name, who.roles], [owner.name, ['admin']])
  assert.is(postern(owner, own, 'sessions', '--everyone').status, 0)
  const me = await meAt(own, owner, postern(owner, own, 'token').stdout.trim())
  assert.equal(me.permissions, ['*'])
})

test('the command of another user is refused: it could be told anything there', () => {
  const { status, stderr } = postern(friend, own, 'status')
  assert.is(status, 77, stderr)
  assert.match(stderr, `belongs to uid ${owner.uid}`)
})

/** Sends a message to a socket of the keeper, as a frame; prints the answer or that there was none. */
const script = `
  const [path, text] = process.argv.slice(1)
  const size = Buffer.alloc(4)
  size.writeUInt32BE(Buffer.byteLength(text))
  const socket = require('node:net').connect(path, () => socket.write(Buffer.concat([size, Buffer.from(text)])))
  const tell = text => { console.log(text); process.exit(0) }
  socket.once('data', data => tell(data.subarray(4).toString()))
  socket.once('error', fault => tell(fault.code))
  socket.once('close', () => tell('closed'))`

function tellSocket(who: readonly string[], name: string, message: object): string {
  const words = [join(folder, 'node'), '--eval', script, join(own.runtime, name), JSON.stringify(message)]
  return execFileSync('setpriv', [...who, ...words], { encoding: 'utf8', timeout: 10_000 }).trim()
}

const unheard = /^(closed|EPIPE|ECONNRESET)$/

test('root.sock hears root and who runs it, and nobody else, were its mode as wide as can be', () => {
  const from = { source: 'x', local: true, uid: 0, secure: false, agent: null }
  // With the token, even: that they cannot read it is another wall.
  const request = { type: 'request', id: 1, operation: 'status', input: {}, token: own.token(), from }
  const path = join(own.runtime, 'root.sock')
  assert.is(tellSocket(as(friend), 'root.sock', request), 'EACCES')
  chmodSync(path, 0o666)
  try {
    assert.match(tellSocket(as(owner), 'root.sock', request), '"ok":true')
    assert.match(tellSocket(['--'], 'root.sock', request), '"ok":true')
    assert.match(tellSocket(as(friend), 'root.sock', request), unheard)
  } finally {
    chmodSync(path, 0o600)
  }
})

test('keeper.sock takes no other user for a gate, were its mode as wide as can be', () => {
  const hello = { type: 'hello', version }
  const path = join(own.runtime, 'keeper.sock')
  assert.is(tellSocket(as(friend), 'keeper.sock', hello), 'EACCES')
  chmodSync(path, 0o666)
  try {
    assert.match(tellSocket(as(owner), 'keeper.sock', hello), '"type":"settings"')
    assert.match(tellSocket(as(friend), 'keeper.sock', hello), unheard)
  } finally {
    chmodSync(path, 0o600)
  }
})

test('a stop takes the token, the sockets and the gate with it', async () => {
  const { pid = 0 } = own.process
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  await own.stop()
  assert.is(own.process.exitCode, 0, own.log())
  for (const child of children) assert.not.ok(existsSync(`/proc/${child}`))
  assert.equal(
    readdirSync(own.runtime).filter(name => name === 'token' || name.endsWith('.sock')),
    [],
  )
})

test.run()
