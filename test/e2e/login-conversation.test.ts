/** The steps of a login over HTTP: each once, from where it began; and places that slow strangers cannot hold. */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LinkClient } from '../../server/link/client.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Ask, Reply } from '../support/http.ts'
import {
  answer,
  assertRefused,
  auditOf,
  pamChildren,
  questionOf,
  statusOf,
  stepOf,
  waitFor,
  waitForQuiet,
} from './login-drive.ts'

const test = suite('e2e login conversation')
const groups = ['users']
let daemon: Daemon
let account: Account
/** At this machine. */
let people: Account[]

test.before(async () => {
  account = await createAccount({ groups })
  people = [await createAccount(), await createAccount(), await createAccount()]
  daemon = await startDaemon({
    config: {
      pam: { step_seconds: 20 },
      login: { allow: { groups }, failure_delay_seconds: 0.5 },
      insecure: { throttle_off: true },
    },
  })
})
test.after(async () => {
  await daemon.remove()
  for (const one of [account, ...people]) await one.remove()
})

const uidOf = (person: number) => people[person]?.uid ?? 0

/** Begins a login and leaves it at its question. */
const begin = (from: Ask = {}, user = account.name): Promise<Reply> =>
  daemon.ask('/postern/v1/login', { ...from, body: { user } })

const isOver = (reply: Reply) => {
  assert.is(reply.status, 401, reply.text)
  assert.is(reply.json().code, 'login_failed')
}

test('each step is answered once', async () => {
  const step = stepOf(await begin())
  assert.is((await answer(daemon, step, [account.password])).status, 200)
  isOver(await answer(daemon, step, [account.password]))
})

test('of two answers at the same time one counts', async () => {
  const step = stepOf(await begin())
  const replies = await Promise.all([1, 2, 3].map(() => answer(daemon, step, [account.password])))
  assert.equal(replies.map(({ status }) => status).sort(), [200, 401, 401])
})

test('a wrong answer ends the login; there is no second guess', async () => {
  const step = stepOf(await begin())
  assertRefused(await answer(daemon, step, ['wrong']))
  isOver(await answer(daemon, step, [account.password]))
})

for (const { name, answers } of [
  { name: 'no answer to a question', answers: [] },
  { name: 'two answers to one question', answers: ['a', 'b'] },
]) {
  test(`${name} ends the login`, async () => {
    const step = stepOf(await begin())
    assertRefused(await answer(daemon, step, answers))
    isOver(await answer(daemon, step, [account.password]))
    await waitForQuiet(daemon)
  })
}

test('a login is gone on with from where it began, and no stranger ends it', async () => {
  const socketPath = join(daemon.directory, 'gate-run/http.sock')
  const strangers: Ask[] = [{ uid: uidOf(1) }, { uid: 0 }, { socketPath }]
  const step = stepOf(await begin({ uid: uidOf(0) }))
  for (const from of strangers) isOver(await answer(daemon, step, [account.password], from))
  assert.is(auditOf(daemon, 'login.answer').at(-1)?.reason, 'login_of_another_source')
  assert.is((await answer(daemon, step, [account.password], { uid: uidOf(0) })).status, 200)
  const other = stepOf(await begin({ socketPath }))
  isOver(await answer(daemon, other, [account.password]))
  assert.is((await answer(daemon, other, [account.password], { socketPath })).status, 200)
})

test('a conversation has a long number that is drawn anew for each step', async () => {
  await account.expirePassword()
  const ids: string[] = []
  for (let at = 0; at < 3; at++) {
    const first = await questionOf(daemon, await daemon.login(account.name, account.password))
    const second = stepOf(await answer(daemon, first, [account.password]))
    ids.push(first.conversation, second.conversation)
    isOver(await answer(daemon, first, ['Heslo-4711-a']))
    assertRefused(await answer(daemon, second, []))
  }
  await account.setPassword(account.password)
  assert.is(new Set(ids).size, 6)
  for (const id of ids) assert.match(id, /^[\w-]{22}$/)
})

test('made-up conversations are over, and fill no trail', async () => {
  const before = readFileSync(join(daemon.directory, 'log/audit.log'))
  for (const id of ['', 'x', 'A'.repeat(22), '__proto__', 'a'.repeat(64)])
    isOver(await answer(daemon, { conversation: id }, ['x']))
  assert.is((await answer(daemon, { conversation: 'a'.repeat(65) }, ['x'])).status, 400)
  assert.equal(readFileSync(join(daemon.directory, 'log/audit.log')), before)
})

test('a source has two places; a third login of it ends the one that has waited longest', async () => {
  await waitForQuiet(daemon)
  const uid = uidOf(0)
  const steps = [stepOf(await begin({ uid })), stepOf(await begin({ uid })), stepOf(await begin({ uid }))]
  await waitFor('the first is gone', async () => (await statusOf(daemon)).logins_in_progress === 2)
  const replies = []
  for (const step of steps) replies.push(await answer(daemon, step, [account.password], { uid }))
  assert.equal(
    replies.map(({ status }) => status),
    [401, 200, 200],
  )
})

test('ten slow strangers keep neither somebody at this machine nor another stranger out', async () => {
  await waitForQuiet(daemon)
  const socketPath = join(daemon.directory, 'gate-run/http.sock')
  // Services of this machine are no local people: what comes from them may be anybody's.
  const froms: Ask[] = [{ socketPath }, { uid: 33 }, { uid: 34 }, { uid: 38 }, { uid: 39 }]
  for (const from of [...froms, ...froms]) stepOf(await begin(from))
  await waitFor('the places are taken', async () => (await statusOf(daemon)).logins_in_progress === 8)
  const start = performance.now()
  assert.is((await daemon.login(account.name, account.password)).status, 200)
  const body = { user: account.name, password: account.password }
  const others = await Promise.all(people.map(({ uid }) => daemon.ask('/postern/v1/login', { body, uid })))
  assert.equal(
    others.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.is((await daemon.ask('/postern/v1/login', { body, uid: 13 })).status, 200)
  assert.ok(performance.now() - start < 10_000)
  // Root's own socket needs no gate and no place among theirs.
  const root = new LinkClient(connect(join(daemon.runtime, 'root.sock')))
  const from = { source: 'uid:33', local: false, uid: 33, secure: false, agent: null }
  assert.ok((await root.request('login.begin', body, null, from)).ok)
  root.close()
  assert.ok(pamChildren(daemon).length >= 7, 'strangers that need not go were ended')
})

test('a client that leaves between two steps has its place until its time is over, no other’s', async () => {
  await daemon.stop()
  await daemon.start()
  const cut = new AbortController()
  const step = stepOf(await begin({ signal: cut.signal }))
  cut.abort()
  assert.is((await answer(daemon, step, [account.password])).status, 200)
})

test('many logins over one connection leave nothing behind at it', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let round = 0; round < 15; round++) assert.is(await answerOver(agent), 401)
  agent.destroy()
  assert.not.match(daemon.log(), /MaxListenersExceeded/)
})

function answerOver(agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' }
    const outgoing = request(`${daemon.url}/postern/v1/login/answer`, { agent, method: 'POST', headers }, incoming => {
      incoming.resume().once('end', () => resolve(incoming.statusCode ?? 0))
    })
    outgoing.once('error', reject)
    outgoing.end('{"conversation":"made-up","answers":[]}')
  })
}

test.run()
