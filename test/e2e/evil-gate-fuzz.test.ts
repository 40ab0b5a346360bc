/** An owned gate that sends 10,000 mutated frames is granted nothing, and the keeper neither falls nor swells. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrame, FrameError, FrameReader } from '../../server/link/frame.ts'
import type { Answer } from '../../server/link/message.ts'
import { findOperation } from '../../server/operations/table.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { EvilLink, from } from './evil/link.ts'
import { type Inspected, inspect } from './evil/memory.ts'
import { createDice, type Dice, mutate } from './evil/mutate.ts'
import { type Relay, startRelay } from './evil/relay.ts'
import { names, sampleInput } from './evil/sample.ts'

const test = suite('e2e/evil-gate-fuzz')

const frames = 10_000
const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postern'], { encoding: 'utf8' }))

let daemon: Daemon
let relay: Relay
let memory: Inspected
/** Came by the gate with a session and no permission; `leaver` the same, and ends its sessions. `victim` never came by. */
let visitor: Account
let leaver: Account
let victim: Account
const tokens = { visitor: '', leaver: '', victim: '' }
let victimSession = ''

test.before(async () => {
  ;[visitor, leaver, victim] = [await createAccount(), await createAccount(), await createAccount()]
  daemon = await startDaemon({
    config: {
      login: { failure_delay_seconds: 0.5, allow: { users: [visitor.name, leaver.name, victim.name] } },
      pam: { children: 3, children_for_local: 1 },
    },
    env: { NODE_OPTIONS: '--inspect-port=127.0.0.1:0' },
  })
  relay = await startRelay(`${daemon.runtime}/keeper.sock`, { uid: idOf('-u'), gid: idOf('-g') })
  memory = await inspect(daemon.process.pid ?? 0, daemon.log)
  tokens.visitor = await tokenOf(visitor)
  tokens.leaver = await tokenOf(leaver)
  tokens.victim = await tokenOf(victim)
  const { items } = (await daemon.ask('/postern/v1/sessions', { token: tokens.victim })).json() as {
    items: { id: string }[]
  }
  victimSession = items[0]?.id ?? ''
})

test.after(async () => {
  memory?.close()
  await relay?.remove()
  await daemon?.remove()
  for (const account of [visitor, leaver, victim]) await account?.remove()
})

async function tokenOf({ name, password }: Account): Promise<string> {
  const reply = await daemon.login(name, password)
  assert.is(reply.status, 200, reply.text)
  return String(reply.json().access_token)
}

/** What was counted, and every yes with the request it answers. */
interface Tally {
  /** What becomes of a valid frame. */
  readonly change: typeof mutate
  sent: number
  framed: number
  ended: number
  readonly hits: Map<string, number>
  readonly granted: { asked: Asked; answer: Answer }[]
}

type Asked = { readonly operation: string; readonly token: string | null; readonly input: unknown }

/** A valid frame: mostly a request, each operation in turn, with a token that was never good or one that came by. */
function validFrame(turn: number, dice: Dice, id: number): object {
  const others = [
    { type: 'cancel', id },
    { type: 'acknowledge', id: 1 },
    { type: 'listening', listeners: ['http://127.0.0.1:1'] },
    { type: 'pong' },
    { type: 'hello', version: '0.1.0' },
  ]
  if (dice(20) === 0) return others[dice(others.length)] ?? {}
  const operation = names[turn % names.length] ?? 'status'
  const isLast = operation === 'session.end' || operation === 'session.revoke_all'
  const token = dice(4) === 0 ? null : isLast ? tokens.leaver : tokens.visitor
  const input = sampleInput(operation, {
    user: victim.name,
    password: 'a guess',
    id: victimSession,
    permission: 'status.read',
    source: 'ip:192.0.2.9',
    account: victim.name,
    conversation: 'A'.repeat(22),
    refresh_token: 'A'.repeat(43),
    expires_seconds: 60,
    since: '00000000-1',
    limit: 10,
  })
  return { type: 'request', id, operation, input, token, from: { ...from, source: `192.0.2.${dice(256)}` } }
}

/** What the bytes are to a reader of frames. */
function judge(bytes: Buffer): { kind: 'message'; message: unknown } | { kind: 'violation' | 'unfinished' } {
  try {
    const [first] = [...new FrameReader().push(bytes)].map(message => ({ message }))
    return first ? { kind: 'message', message: first.message } : { kind: 'unfinished' }
  } catch (fault) {
    if (fault instanceof FrameError) return { kind: 'violation' }
    throw fault
  }
}

/** Collects the yeses of a link that is done with. */
function close(link: EvilLink, asked: ReadonlyMap<unknown, Asked>, tally: Tally): void {
  for (const [id, answer] of link.answers) {
    const question = asked.get(id)
    if (answer.ok) tally.granted.push({ asked: question ?? { operation: '?', token: null, input: null }, answer })
  }
}

/** Sends frames one by one, on a fresh link after each that ends one, until all are sent. */
async function runLane(tally: Tally, total: number, dice: Dice): Promise<void> {
  while (tally.sent < total) {
    const link = await new EvilLink(await relay.connect()).greet()
    const asked = new Map<unknown, Asked>()
    for (let left = 200; left > 0 && tally.sent < total && !link.isEnded; left -= 1) {
      tally.sent += 1
      await sendOne(link, asked, tally, dice)
    }
    if (link.isEnded) tally.ended += 1
    else await link.finish()
    close(link, asked, tally)
  }
}

async function sendOne(link: EvilLink, asked: Map<unknown, Asked>, tally: Tally, dice: Dice): Promise<void> {
  const bytes = tally.change(validFrame(tally.sent, dice, link.nextId()), dice)
  const judged = judge(bytes)
  if (judged.kind === 'message') {
    tally.framed += 1
    const request = judged.message as (Asked & { id: unknown }) | null
    if (request !== null && findOperation(String(request.operation)) !== null) {
      // An id used twice ends the link: the answer is the first one's.
      if (!asked.has(request.id)) asked.set(request.id, request)
      tally.hits.set(request.operation, (tally.hits.get(request.operation) ?? 0) + 1)
    }
  }
  link.write(bytes)
  // A plain question behind it: its answer says that the link lives. One that waits for more bytes is given up.
  const id = link.nextId()
  link.say({ type: 'request', id, operation: 'access.check', input: {}, token: null, from })
  if (judged.kind === 'unfinished') await link.finish()
  else await link.answerTo(id)
}

async function run(total: number, lanes: number, seed: number, change = mutate): Promise<Tally> {
  const tally: Tally = { change, sent: 0, framed: 0, ended: 0, hits: new Map(), granted: [] }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(tally, total, createDice(seed + lane))))
  return tally
}

/** Whether the yes is what the bearer of that token may have: something of its own. */
function isRightful({ operation, token }: Asked, answer: Answer): boolean {
  const owner = token === tokens.visitor ? visitor : token === tokens.leaver ? leaver : null
  const text = JSON.stringify(answer)
  const isOthers = [visitor, leaver, victim, { name: 'root' }].some(
    account => account.name !== owner?.name && text.includes(`"name":"${account.name}"`),
  )
  // What anybody may ask with a ticket, a token may ask too.
  const isOwn = findOperation(operation)?.access === 'session' || operation === 'event.subscribe'
  return owner !== null && isOwn && !isOthers
}

/** The operations that the audit trail says were done, with who did them. */
function doneByTrail(): { event: string; user?: string }[] {
  const lines = readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8').trim().split('\n')
  const records = lines.map(line => JSON.parse(line) as { event: string; user?: string; outcome: string })
  return records.filter(({ event, outcome }) => outcome === 'ok' && !event.startsWith('audit.'))
}

const gatePids = async () => {
  const { gates } = (await daemon.ask('/postern/v1/status', { token: daemon.token() })).json() as {
    gates: { pid: number }[]
  }
  return gates.map(({ pid }) => pid)
}

const mostBytes = 10 * 1024 * 1024

let tally: Tally
let honest: number[] = []
let grownBytes = 0

test('10,000 mutated frames are sent: most are frames, each operation is hit, many end their link', async () => {
  honest = await gatePids()
  // What the keeper takes once, for any gate, it takes for valid frames too: with more at once than later.
  await run(frames, 24, 1, encodeFrame)
  // These have ended it.
  tokens.leaver = await tokenOf(leaver)
  const before = await memory.settledBytes()
  tally = await run(frames, 8, 1000)
  grownBytes = (await memory.settledBytes()) - before
  const { sent, framed, ended } = tally
  assert.ok(sent >= frames, `${sent} sent`)
  assert.ok(framed >= frames / 2, `${framed} framed`)
  assert.ok(ended >= frames / 10, `${ended} links ended`)
  for (const name of names) {
    const hits = tally.hits.get(name) ?? 0
    assert.ok(hits >= frames / names.length / 3, `${name}: ${hits} hits`)
  }
})

test('nothing is granted but what the token that came by may have', () => {
  assert.ok(tally.granted.length > 0, 'the valid ones among them were answered')
  for (const { asked, answer } of tally.granted)
    assert.ok(isRightful(asked, answer), JSON.stringify({ asked, answer }).slice(0, 1000))
})

test('nothing was done but by the one whose token may end its own sessions', () => {
  for (const { event, user } of doneByTrail()) {
    const isLogin = event === 'login.begin' && [visitor.name, leaver.name, victim.name].includes(user ?? '')
    const isLeaving = ['session.end', 'session.revoke_all', 'session.revoke'].includes(event) && user === leaver.name
    const isTicket = event === 'event.ticket' && [visitor.name, leaver.name].includes(user ?? '')
    assert.ok(isLogin || isLeaving || isTicket, `${event} by ${user}`)
  }
})

test('the keeper grows by 10 MiB at most', () => {
  assert.ok(grownBytes <= mostBytes, `${grownBytes} bytes`)
})

test('the keeper did not fall, and its own gate goes on', async () => {
  assert.is(daemon.process.exitCode, null)
  assert.is(honest.length, 1)
  assert.equal(await gatePids(), honest)
  for (const name of ['victim', 'visitor'] as const)
    assert.is((await daemon.ask('/postern/v1/me', { token: tokens[name] })).status, 200, name)
  assert.not.match(daemon.log(), /an operation broke/)
})

test.run()
