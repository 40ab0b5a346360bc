/** The calls of libc, against the machine's own. */
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import koffi from 'koffi'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  findAccount,
  findAccountOf,
  hasAccount,
  notifyServiceManager,
  peerCredentials,
} from '../../server/keeper/libc.ts'
import { createAccount } from '../support/account.ts'

const test = suite('keeper/libc')
const directory = mkdtempSync(join(tmpdir(), 'postern-libc-'))
test.after(() => rmSync(directory, { recursive: true }))

test('finds an account with the names of all its groups, by name and by uid', async () => {
  const account = await createAccount({ groups: ['users', 'mail'] })
  const found = await findAccount(account.name)
  assert.is(found?.uid, account.uid)
  assert.is(found?.name, account.name)
  assert.equal([...(found?.groups ?? [])].sort(), [account.name, 'mail', 'users'].sort())
  assert.equal(await findAccountOf(account.uid), found)
  await account.remove()
  assert.is(await findAccount(account.name), null)
  assert.is(await findAccountOf(account.uid), null)
})

test('knows which uids are somebody’s account', async () => {
  const account = await createAccount()
  assert.equal(await Promise.all([0, account.uid, 100_000, 0xffff_ffff].map(hasAccount)), [true, true, false, false])
  await account.remove()
  assert.is(await hasAccount(account.uid), false)
})

test('reads groups anew at each call', async () => {
  const account = await createAccount()
  assert.not((await findAccount(account.name))?.groups.includes('users'))
  await account.setGroups(['users'])
  assert.ok((await findAccount(account.name))?.groups.includes('users'))
  await account.remove()
})

test('finds root', async () => {
  const root = await findAccount('root')
  assert.is(root?.uid, 0)
  assert.ok(root?.groups.includes('root'))
})

for (const name of [
  '',
  'pt-nobody-of-that-name',
  'root\0',
  'root\0x',
  'root\n',
  'root:x',
  ' root',
  'ROOT',
  '0',
  '\ud800',
])
  test(`finds nobody named ${JSON.stringify(name)}`, async () => assert.is(await findAccount(name), null))

test('a name longer than any is nobody', async () => assert.is(await findAccount('a'.repeat(100_000)), null))

test('finds many accounts at once', async () => {
  const found = await Promise.all(Array.from({ length: 50 }, (_, at) => findAccount(at % 2 ? 'root' : 'daemon')))
  assert.ok(found.every((account, at) => account?.uid === (at % 2 ? 0 : 1)))
})

const library = join(import.meta.dirname, '../../server/keeper/libc.ts')

/** Runs a script on a machine that looks accounts up as these lines of nsswitch.conf say; what it writes. */
function runWithNames(lines: string, script: string, env: NodeJS.ProcessEnv = {}): string {
  const names = join(directory, 'nsswitch.conf')
  writeFileSync(names, lines)
  const shell = 'mount --bind "$1" /etc/nsswitch.conf; shift; ulimit -n 100; exec "$@"'
  const node = [process.execPath, '--input-type=module', '-e', script]
  const command = ['--mount', 'sh', '-c', shell, 'sh', names, ...node]
  return spawnSync('unshare', command, { encoding: 'utf8', env: { ...process.env, ...env } }).stdout
}

test('a look-up that the system could not make is a fault, not an account that is gone', () => {
  const script = `
    import { closeSync, openSync } from 'node:fs'
    import { findAccount } from ${JSON.stringify(library)}
    await findAccount('daemon')
    const open = []
    try { for (;;) open.push(openSync('/dev/null')) } catch {}
    const said = await findAccount('daemon').then(account => JSON.stringify(account), fault => fault.message)
    open.forEach(fd => closeSync(fd))
    console.log(said)`
  // Another source of names might answer instead of the one that fails.
  const said = runWithNames('passwd: files\ngroup: files\n', script)
  assert.match(said, /^the accounts of this machine cannot be read: errno 24$/m)
})

test('look-ups that hang keep no file from being written, and the line behind them has an end', () => {
  const service = join(directory, 'libnss_slow.so.2')
  execFileSync('gcc', ['-shared', '-fPIC', '-o', service, join(import.meta.dirname, '../support/slow-nss.c')])
  const script = `
    import { writeFile } from 'node:fs/promises'
    import { findAccount } from ${JSON.stringify(library)}
    const late = new Promise(resolve => setTimeout(resolve, 5000, 'late'))
    for (let at = 0; at < 1026; at += 1) findAccount('nobody-' + at).catch(() => console.log('refused too early'))
    const written = writeFile(${JSON.stringify(join(directory, 'written'))}, 'x').then(() => 'written')
    console.log(await Promise.race([written, late]))
    console.log(await Promise.race([findAccount('nobody').catch(fault => fault.message), late]))
    process.kill(process.pid, 'SIGKILL')`
  const said = runWithNames('passwd: files slow\ngroup: files\n', script, { LD_LIBRARY_PATH: directory })
  assert.is(said, 'written\ntoo many look-ups of accounts wait: 1024\n')
})

test('knows the process at the other end of a UNIX socket', async () => {
  const path = join(directory, 'peer.sock')
  const server = createServer().listen(path)
  await once(server, 'listening')
  const client = connect(path)
  const [socket] = await once(server, 'connection')
  assert.equal(peerCredentials(socket), { pid: process.pid, uid: 0, gid: 0 })
  client.destroy()
  socket.destroy()
  assert.throws(() => peerCredentials(socket), /cannot be told/)
  server.close()
})

/** A datagram socket, which Node.js has none of for UNIX addresses. */
function receive(address: Buffer, act: () => void): string {
  const libc = koffi.load('libc.so.6')
  const openSocket = libc.func('int socket(int, int, int)')
  const bind = libc.func('int bind(int, const void *, uint32_t)')
  const recv = libc.func('intptr_t recv(int, _Out_ void *, size_t, int)')
  const fd = openSocket(1, 0x80002, 0)
  assert.is(bind(fd, Buffer.concat([Buffer.from([1, 0]), address]), address.length + 2), 0)
  act()
  const buffer = Buffer.alloc(256)
  // MSG_DONTWAIT
  const size = Number(recv(fd, buffer, buffer.length, 0x40))
  libc.func('int close(int)')(fd)
  return buffer.toString('utf8', 0, Math.max(0, size))
}

test('tells the service manager, at a path and at an abstract address', () => {
  const path = join(directory, 'notify')
  assert.is(
    receive(Buffer.from(path), () => notifyServiceManager(path, 'READY=1')),
    'READY=1',
  )
  const name = `postern-test-${process.pid}`
  const abstract = Buffer.from(`\0${name}`)
  assert.is(
    receive(abstract, () => notifyServiceManager(`@${name}`, 'STATUS=žije')),
    'STATUS=žije',
  )
})

test('a service manager that is not there is no error', () => {
  notifyServiceManager(join(directory, 'nobody'), 'READY=1')
})

test.run()
