/** The links to gates: who may connect, what they are told, and the end of those that do not forget in time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Gates } from '../../../server/keeper/gates/gates.ts'
import type { GateSettings } from '../../../server/link/message.ts'
import { no } from '../../../server/operations/operation.ts'
import { createMovableClock } from '../session/movable-clock.ts'

interface Context {
  directory: string
  gates: Gates
  server: Server
  log: string[]
  children: ChildProcess[]
  /** Starts a process that is a gate of that manner, and resolves when it has its settings (or was refused). */
  start(manner: Manner, more?: { uid?: number; version?: string }): Promise<{ child: ChildProcess; said: string[] }>
}

/** How the process answers when it is told to forget. */
type Manner = 'obeys' | 'is silent' | 'obeys late' | 'serves late' | 'becomes another'

const settings: GateSettings = {
  ...{
    listen: [],
    hostname: 'box',
    fqdn: null,
    hosts: [],
    trusted_proxies: [],
    tls: null,
    hsts_seconds: 0,
    kiosk_uid: null,
    cookie_seconds: 1,
  },
  ...{ issuer: 'x', jwks: { keys: [] }, verify_at_keeper: false, log_level: 'info', version: '1' },
}

/** A gate by hand: says on stdout what it hears. */
const gateScript = `
  const [path, manner, version] = process.argv.slice(1)
  const frame = message => {
    const text = Buffer.from(JSON.stringify(message))
    const size = Buffer.alloc(4)
    size.writeUInt32BE(text.length)
    return Buffer.concat([size, text])
  }
  const socket = require('node:net').connect(path, () => socket.write(frame({ type: 'hello', version })))
  socket.on('error', () => {})
  socket.on('close', () => { console.log('closed'); setTimeout(() => {}, 60000) })
  let held = Buffer.alloc(0)
  let told = 0
  socket.on('data', chunk => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      const message = JSON.parse(held.subarray(4, 4 + held.readUInt32BE(0)))
      held = held.subarray(4 + held.readUInt32BE(0))
      console.log(message.type)
      if (message.type === 'settings') {
        told += 1
        const listeners = [manner === 'serves late' ? 'x' + told : 'x']
        setTimeout(() => socket.write(frame({ type: 'listening', listeners })), manner === 'serves late' ? 300 : 0)
      }
      if (message.type === 'settings' && manner === 'becomes another') process.setuid(4242)
      if (message.type !== 'forget' || manner === 'is silent' || manner === 'becomes another') continue
      setTimeout(() => socket.write(frame({ type: 'acknowledge', id: message.id })), manner === 'obeys' ? 0 : 300)
    }
  })`

const test = suite<Context>('keeper/gates')
test.before.each(async context => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-gates-'))
  chmodSync(directory, 0o755)
  const path = join(directory, 'keeper.sock')
  const log: string[] = []
  const children: ChildProcess[] = []
  const gates = new Gates({
    ...{ uid: 0, version: '1', clock: createMovableClock(), settings: async () => settings },
    answer: async () => no('busy'),
    log: (level, message) => void log.push(`${level} ${message}`),
  })
  const server = createServer(socket => gates.accept(socket)).listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o666)
  const start: Context['start'] = async (manner, { uid = 0, version = '1' } = {}) => {
    const child = spawn(process.execPath, ['-e', gateScript, path, manner, version], {
      ...{ uid, stdio: ['ignore', 'pipe', 'inherit'] },
    })
    children.push(child)
    const said: string[] = []
    child.stdout?.on('data', chunk => said.push(...String(chunk).trim().split('\n')))
    if (child.stdout) await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    return { child, said }
  }
  Object.assign(context, { directory, gates, server, log, children, start })
})
test.after.each(({ directory, gates, server, children }) => {
  gates.close()
  server.close()
  for (const child of children) child.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

const isAlive = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null

test('a gate is told its settings at its hello', async ({ gates, start }) => {
  const { child, said } = await start('obeys')
  await gates.whenServing(1)
  assert.equal(said, ['settings'])
  assert.equal(gates.list(), [{ pid: child.pid ?? 0, listeners: ['x'], connectedSeconds: 0 }])
})

test('another user than the gate’s is closed unheard, and lives', async ({ gates, start, log }) => {
  const { child, said } = await start('obeys', { uid: 4242 })
  assert.equal(said, ['closed'])
  assert.equal(gates.list(), [])
  assert.ok(isAlive(child))
  assert.equal(log, ['warn a connection to keeper.sock was refused'])
})

test('a gate of another version is ended', async ({ gates, start }) => {
  const { child, said } = await start('obeys', { version: '0' })
  if (isAlive(child)) await once(child, 'exit')
  assert.is(child.signalCode, 'SIGKILL')
  assert.not.ok(said.includes('settings'))
  assert.equal(gates.list(), [])
})

test('forgetting is done when every gate has confirmed', async ({ gates, start }) => {
  await start('obeys')
  const { said } = await start('obeys late')
  await gates.whenServing(2)
  const startedMs = performance.now()
  await gates.forget({ session: 'x' })
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs >= 280 && tookMs < 900, `${tookMs} ms`)
  assert.ok(said.includes('forget'))
  assert.is(gates.list().length, 2)
})

test('a gate that has not confirmed within a second is killed before that is answered; the others stay', async ({
  gates,
  start,
  log,
}) => {
  const { child: obedient } = await start('obeys')
  const { child: silent } = await start('is silent')
  await gates.whenServing(2)
  const ended = once(silent, 'exit')
  const startedMs = performance.now()
  await gates.forget({ identity: '1' })
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs >= 950 && tookMs < 2000, `${tookMs} ms`)
  assert.equal((await ended)[1], 'SIGKILL')
  assert.ok(isAlive(obedient))
  assert.equal(
    gates.list().map(({ pid }) => pid),
    [obedient.pid],
  )
  assert.ok(log.some(line => line.includes('broke a rule of the link')))
})

test('a process that is no more the gate’s user is not killed: its number may be somebody else’s by now', async ({
  gates,
  start,
}) => {
  const { child } = await start('becomes another')
  await gates.whenServing(1)
  await gates.forget('everything')
  assert.equal(gates.list(), [])
  // Were it killed, that would be heard of by now.
  await new Promise(resolve => setTimeout(resolve, 500))
  assert.ok(isAlive(child))
})

test('a gate that sleeps is ended like one that is silent', async ({ gates, start }) => {
  const { child } = await start('obeys')
  await gates.whenServing(1)
  child.kill('SIGSTOP')
  const ended = once(child, 'exit')
  await gates.forget('everything')
  assert.equal((await ended)[1], 'SIGKILL')
  assert.equal(gates.list(), [])
})

test('a gate that falls while it is asked to forget has forgotten', async ({ gates, start }) => {
  const { child } = await start('is silent')
  await gates.whenServing(1)
  const forgotten = gates.forget('everything')
  child.kill('SIGKILL')
  const startedMs = performance.now()
  await forgotten
  assert.ok(performance.now() - startedMs < 900)
})

test('without gates there is nothing to wait for', async ({ gates }) => {
  await gates.forget('everything')
})

test('what is served is known once every gate has said so by its settings of now', async ({ gates, start }) => {
  await start('obeys')
  await start('serves late')
  assert.equal(await gates.settled(5000), new Set(['x', 'x1']))
  await gates.tellSettings()
  await gates.tellSettings()
  assert.equal(await gates.settled(5000), new Set(['x', 'x3']))
})

test('a gate that does not say what it serves is waited for no longer than that, and one that falls not at all', async ({
  gates,
  start,
}) => {
  assert.equal(await gates.settled(10), new Set(), 'there is none yet')
  await start('obeys')
  const { child } = await start('serves late')
  await gates.settled(5000)
  child.kill('SIGSTOP')
  await gates.tellSettings()
  assert.equal(await gates.settled(100), new Set(['x', 'x1']))
  const settled = gates.settled(60_000)
  child.kill('SIGKILL')
  assert.equal(await settled, new Set(['x']))
})

test('no more than 64 links are held', async ({ gates, directory }) => {
  const sockets = Array.from({ length: 70 }, () => connect(join(directory, 'keeper.sock')))
  let ended = 0
  for (const socket of sockets) {
    socket.on('error', () => {})
    socket.once('close', () => {
      ended += 1
    })
  }
  while (ended < 6) await new Promise(resolve => setImmediate(resolve))
  assert.is(gates.list().length, 64)
  for (const socket of sockets) socket.destroy()
})

test.run()
