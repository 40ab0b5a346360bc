/** The gates' processes: one that cannot be started is tried again, and all are gone after a stop. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GateProcesses } from '../../../server/keeper/gates/process.ts'
import type { GateOrder } from '../../../server/link/message.ts'

const test = suite<{ alive: NodeJS.Timeout }>('keeper/gates/process')

// The pause before a new start keeps no process alive; a keeper has its sockets for that.
test.before(context => {
  context.alive = setInterval(() => {}, 1000)
})
test.after(({ alive }) => clearInterval(alive))

/** What a gate is told is nothing to the process that stands for it. */
const order = () => ({}) as GateOrder

/** Runs until it is ended. */
const spawnSleeper = () => spawn('sleep', ['60'], { stdio: ['pipe', 'ignore', 'ignore'] })

test('a gate that the system has no memory for is tried again, and the keeper goes on meanwhile', async () => {
  const said: string[] = []
  const started: ChildProcess[] = []
  const wanted = Promise.withResolvers<ChildProcess>()
  let isFirst = true
  const processes = new GateProcesses({
    spawn: () => {
      if (isFirst) {
        isFirst = false
        throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' })
      }
      const child = spawnSleeper()
      started.push(child)
      wanted.resolve(child)
      return child
    },
    order,
    count: 1,
    log: (_level, message, members) => said.push(`${message}: ${members?.fault}`),
    ended: () => {},
  })
  processes.start(null)
  assert.equal(said, ['a gate cannot be started: Error: spawn ENOMEM'])
  const child = await wanted.promise
  await processes.stop()
  assert.is(child.signalCode, 'SIGTERM')
  assert.is(started.length, 1)
})

test('a gate that ends is started again, until it is told to stop', async () => {
  const ended = Promise.withResolvers<void>()
  const again = Promise.withResolvers<ChildProcess>()
  const children: ChildProcess[] = []
  const processes = new GateProcesses({
    spawn: () => {
      const child = spawnSleeper()
      children.push(child)
      if (children.length === 2) again.resolve(child)
      return child
    },
    order,
    count: 1,
    log: () => {},
    ended: ended.resolve,
  })
  processes.start(null)
  children[0]?.kill('SIGKILL')
  await ended.promise
  const child = await again.promise
  if (child.pid === undefined) await once(child, 'spawn')
  await processes.stop()
  assert.is(child.signalCode, 'SIGTERM')
  assert.is(children.length, 2)
})

test.run()
