/** The keeper's own sockets: whose they are from their first instant, and what may be in their way. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listenAt } from '../../server/keeper/socket.ts'

const test = suite<{ directory: string; path: string }>('keeper/socket')
test.before.each(context => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-socket-'))
  chmodSync(directory, 0o755)
  Object.assign(context, { directory, path: join(directory, 'own.sock') })
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

const roots = { mode: 0o600, gid: null }
const groups = { mode: 0o660, gid: 4242 }
const ignore = () => {}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return ''
  } catch (fault) {
    return String(fault)
  }
}

for (const [name, access, expected] of [
  ['root’s alone', roots, [0o600, 0, 0]],
  ['root’s and a group’s', groups, [0o660, 0, 4242]],
] as const)
  test(`a socket is ${name}, whatever the umask`, async ({ path }) => {
    const former = process.umask(0)
    try {
      const server = await listenAt(path, access, ignore)
      const { mode, uid, gid } = lstatSync(path)
      assert.equal([mode & 0o777, uid, gid], expected)
      server.close()
      assert.is(process.umask(), 0)
    } finally {
      process.umask(former)
    }
  })

test('another user cannot connect at any instant while it is made', async ({ directory, path }) => {
  const script = `
    const net = require('node:net')
    let tries = 0
    let got = 0
    const round = () => {
      tries += 1
      const socket = net.connect(process.argv[1], () => { got += 1; socket.destroy() })
      socket.on('error', () => {})
      socket.on('close', () => setImmediate(round))
    }
    process.on('message', () => { process.send({ tries, got }); process.disconnect(); process.exit() })
    for (let at = 0; at < 4; at += 1) round()
    process.send('ready')`
  const child = spawn(process.execPath, ['-e', script, path], {
    ...{ uid: 1234, gid: 1234, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  })
  await once(child, 'message')
  const former = process.umask(0)
  for (let round = 0; round < 100; round += 1) {
    const server = await listenAt(path, round % 2 === 0 ? roots : groups, socket => socket.destroy())
    await wait(2)
    await new Promise(resolve => server.close(resolve))
  }
  process.umask(former)
  const answer = once(child, 'message')
  child.send('stop')
  const [report] = await answer
  const { tries, got } = report as { tries: number; got: number }
  assert.is(got, 0)
  assert.ok(tries > 100, `${tries} tries`)
  assert.ok(directory)
})

test('the socket of a keeper that fell is replaced', async ({ path }) => {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  assert.ok(lstatSync(path).isSocket())
  const server = await listenAt(path, roots, ignore)
  const client = connect(path)
  await once(client, 'connect')
  client.destroy()
  server.close()
})

test('the socket of a keeper that lives is not taken', async ({ path }) => {
  const other = createServer().listen(path)
  await once(other, 'listening')
  assert.match(await faultOf(listenAt(path, roots, ignore)), 'another postern runs')
  other.close()
})

const inTheWay: [name: string, plant: (path: string, directory: string) => void][] = [
  ['a file', path => writeFileSync(path, 'precious')],
  ['a directory', path => mkdirSync(path)],
  ['a link', (path, directory) => symlinkSync(directory, path)],
]
for (const [name, plant] of inTheWay)
  test(`${name} in its way is left where it is, and is a fault`, async ({ directory, path }) => {
    plant(path, directory)
    assert.match(await faultOf(listenAt(path, roots, ignore)), 'is in the way')
    assert.not.ok(lstatSync(path).isSocket())
  })

test('nothing is made in a directory that others can write', async ({ directory, path }) => {
  chmodSync(directory, 0o777)
  assert.match(await faultOf(listenAt(path, roots, ignore)), 'writable by others')
})

test.run()
