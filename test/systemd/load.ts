/**
 * Runs inside a machine: asks postern for reads and writes without pause, kills the gate in the middle of them, several
 * times, and prints as JSON what became of every request.
 *
 *   load.ts KILLS TOKEN SESSION…    each session is revoked by one request
 */
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
  /** Each on a new connection; `sinceKillMs` from the kill before it. */
  readonly knocks: (Fate & { sinceKillMs: number })[]
  /** The gates that were killed. */
  readonly killed: number[]
}

const origin = 'http://127.0.0.1:7640'
const [kills = '1', token = '', ...sessions] = process.argv.slice(2)
const headers = { Authorization: `Bearer ${token}` }
const kept = new Agent({ keepAlive: true })

function ask(path: string, method = 'GET', agent: Agent | false = false): Promise<Fate & { text: string }> {
  const start = performance.now()
  return new Promise(resolve => {
    const done = (outcome: Fate['outcome'], text = '') => resolve({ outcome, text, ms: performance.now() - start })
    const broken = (fault: NodeJS.ErrnoException) => done(fault.code === 'ECONNRESET' ? 'cut' : (fault.code ?? 'fault'))
    const outgoing = request(origin + path, { method, headers, agent }, incoming => {
      let text = ''
      incoming.on('data', chunk => {
        text += chunk
      })
      incoming.once('error', broken)
      incoming.once('end', () => done(incoming.statusCode ?? 0, text))
    })
    outgoing.once('error', broken)
    outgoing.end()
  })
}

const revokes: Report['revokes'] = {}
const knocks: Report['knocks'] = []
const killed: number[] = []
const queue = [...sessions]
let killedAt = performance.now()
let isOver = false

async function revoke(): Promise<void> {
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    const { outcome, ms } = await ask(`/postern/v1/sessions/${id}`, 'DELETE', kept)
    revokes[id] = { outcome, ms }
  }
}

async function read(): Promise<void> {
  while (!isOver) await ask('/postern/v1/me', 'GET', kept)
}

async function knock(): Promise<void> {
  while (!isOver) {
    const sinceKillMs = performance.now() - killedAt
    const { outcome, ms } = await ask('/ping')
    knocks.push({ outcome, ms, sinceKillMs })
    await pause(10)
  }
}

async function gatePid(): Promise<number> {
  for (;;) {
    const { outcome, text } = await ask('/postern/v1/status')
    const pid = outcome === 200 ? JSON.parse(text).gates[0]?.pid : undefined
    if (typeof pid === 'number') return pid
  }
}

/** Kills the gate when a share of the revokes is on its way, each time a further one. */
async function kill(): Promise<void> {
  for (let count = 1; count <= Number(kills); count += 1) {
    const pid = await gatePid()
    while (queue.length > sessions.length * (1 - count / (Number(kills) + 1))) await pause(0)
    process.kill(pid, 'SIGKILL')
    killedAt = performance.now()
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
