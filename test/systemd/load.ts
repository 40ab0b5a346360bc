/**
 * Runs inside a machine: asks postern for reads and writes without pause, kills a unit's main process in the middle of
 * them, several times, and prints as JSON what became of every request.
 *
 *   load.ts UNIT KILLS TOKEN SESSION…    each session is revoked by one request
 */
import { execFileSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

/** What became of a request; `cut` when the connection broke off, else the error's code. */
export interface Fate {
  readonly outcome: number | 'cut' | string
  readonly ms: number
}

/** What is printed. */
export interface Report {
  /** One for each session that was to be revoked, by its id. */
  readonly revokes: Record<string, Fate>
  /** Each on a new connection. */
  readonly knocks: Fate[]
  /** The processes that were killed. */
  readonly killed: number[]
}

const origin = 'http://127.0.0.1:7640'
const [unit = '', kills = '1', token = '', ...sessions] = process.argv.slice(2)
const headers = { Authorization: `Bearer ${token}` }
const kept = new Agent({ keepAlive: true })

function ask(path: string, method = 'GET', agent: Agent | false = false): Promise<Fate> {
  const start = performance.now()
  return new Promise(resolve => {
    const done = (outcome: Fate['outcome']) => resolve({ outcome, ms: performance.now() - start })
    const broken = (fault: NodeJS.ErrnoException) => done(fault.code === 'ECONNRESET' ? 'cut' : (fault.code ?? 'fault'))
    const outgoing = request(origin + path, { method, headers, agent }, incoming => {
      incoming.resume()
      incoming.once('error', broken)
      incoming.once('end', () => done(incoming.statusCode ?? 0))
    })
    outgoing.once('error', broken)
    outgoing.end()
  })
}

const revokes: Report['revokes'] = {}
const knocks: Report['knocks'] = []
const killed: number[] = []
const queue = [...sessions]
let isOver = false

async function revoke(): Promise<void> {
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    const fate = await ask(`/postern/v1/sessions/${id}`, 'DELETE', kept)
    revokes[id] = fate
    // The next is for the time after: else all would be turned away at the first kill.
    while (fate.outcome !== 200 && (await ask('/ping')).outcome !== 200) await pause(20)
  }
}

async function read(): Promise<void> {
  while (!isOver) await ask('/postern/v1/me', 'GET', kept)
}

async function knock(): Promise<void> {
  while (!isOver) {
    knocks.push(await ask('/ping'))
    await pause(10)
  }
}

/** The unit's main process, once all of postern is at work. */
async function victim(): Promise<number> {
  for (;;) {
    const { outcome } = await ask('/postern/v1/status')
    const pid = Number(execFileSync('systemctl', ['show', '-p', 'MainPID', '--value', unit], { encoding: 'utf8' }))
    if (outcome === 200 && pid > 0 && !killed.includes(pid)) return pid
    await pause(10)
  }
}

/** Kills it when a share of the revokes is on its way, each time a further one. */
async function kill(): Promise<void> {
  for (let count = 1; count <= Number(kills); count += 1) {
    const pid = await victim()
    while (queue.length > sessions.length * (1 - count / (Number(kills) + 1))) await pause(0)
    process.kill(pid, 'SIGKILL')
    killed.push(pid)
  }
}

const readers = [read(), read(), knock()]
await Promise.all([kill(), ...Array.from({ length: 8 }, revoke)])
// What the last kill did to those who knock is to be seen as well.
await pause(1500)
isOver = true
await Promise.all(readers)
kept.destroy()
console.log(JSON.stringify({ revokes, knocks, killed } satisfies Report))
