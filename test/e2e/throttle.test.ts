/** The throttle over HTTP: who has to wait, for how long, who does not, and what a restart keeps. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LinkClient } from '../../server/link/client.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Ask, Reply } from '../support/http.ts'
import { assertRefused, waitFor } from './login-drive.ts'

const test = suite('e2e throttle')
const login = '/postern/v1/login'
let daemon: Daemon
let account: Account
/** At this machine. */
let person: Account
let other: Account
const config = {
  pam: { children: 20, children_per_source: 8 },
  login: { allow: { groups: ['users'] }, failure_delay_seconds: 0.5 },
  throttle: { first_penalty_seconds: 300 },
  trusted_proxies: ['unix'],
}

test.before(async () => {
  account = await createAccount({ groups: ['users'] })
  person = await createAccount()
  other = await createAccount()
  daemon = await startDaemon({
    pam: ['auth required pam_unix.so nodelay', 'account required pam_unix.so'],
    config,
  })
})
test.after(async () => {
  await daemon.remove()
  for (const one of [account, person, other]) await one.remove()
})
test.before.each(async () => {
  assert.is((await clear({})).status, 200)
})

const clear = (body: object) => daemon.ask('/postern/v1/throttle/clear', { token: daemon.token(), body })
const penalties = async () =>
  (await daemon.ask('/postern/v1/throttle', { token: daemon.token() })).json().items as {
    source: string | null
    account: string | null
    failures: number
    blocked_until: string | null
    retry_after: number
  }[]

/** One guess at an account that there is not. */
const guess = (from: Ask, user = 'pt-nobody'): Promise<Reply> =>
  daemon.ask(login, { ...from, body: { user, password: 'x' } })
const enter = (from: Ask) => daemon.ask(login, { ...from, body: { user: account.name, password: account.password } })
const behindProxy = (address: string): Ask => ({
  socketPath: join(daemon.directory, 'gate-run/http.sock'),
  headers: { 'X-Forwarded-For': address },
})

/** Four failures, which is one too many. */
async function failFour(from: Ask): Promise<void> {
  for (const reply of await Promise.all([1, 2, 3, 4].map(() => guess(from)))) assertRefused(reply)
}

function assertThrottled(reply: Reply): number {
  assert.is(reply.status, 429, reply.text)
  const { code, retry_after: wait } = reply.json()
  assert.is(code, 'throttled')
  assert.is(reply.headers['retry-after'], String(wait))
  return Number(wait)
}

test('the fourth quick failure of a source makes it wait, with the right password too, and nobody else', async () => {
  const { uid } = person
  for (let failure = 0; failure < 3; failure++) assertRefused(await guess({ uid }))
  assert.is((await enter({ uid })).status, 200)
  assertRefused(await guess({ uid }))
  const start = performance.now()
  const wait = assertThrottled(await guess({ uid }))
  assert.ok(wait > 290 && wait <= 300, String(wait))
  assertThrottled(await enter({ uid }))
  assert.ok(performance.now() - start < 450, 'a throttled login is answered at once')
  for (const another of [{ uid: other.uid }, { uid: 0 }, behindProxy('203.0.113.7')])
    assert.is((await enter(another)).status, 200)
})

test('guesses at the same time are not more guesses', async () => {
  const replies = await Promise.all(Array.from({ length: 12 }, () => guess({ uid: person.uid })))
  const statuses = replies.map(({ status }) => status).sort()
  assert.equal(statuses, [401, 401, 401, 401, 429, 429, 429, 429, 429, 429, 429, 429])
})

test('a source is one uid over every address of this machine, and all of an IPv6 /64', async () => {
  await failFour({ uid: person.uid })
  assertThrottled(await guess({ uid: person.uid, localAddress: '127.0.0.2' }))
  const { status } = await daemon.ask(login, {
    uid: person.uid,
    headers: { 'X-Forwarded-For': '203.0.113.99', Forwarded: 'for=203.0.113.98' },
    body: { user: 'pt-nobody', password: 'x' },
  })
  assert.is(status, 429)
  await failFour(behindProxy('2001:db8:1:2::3'))
  assertThrottled(await enter(behindProxy('2001:db8:1:2:ffff::9')))
  assert.is((await enter(behindProxy('2001:db8:1:3::3'))).status, 200)
  // What a stranger writes in front of what the proxy saw is not looked at.
  assertThrottled(await enter(behindProxy('198.51.100.1, 2001:db8:1:2::4')))
})

test('all uids that are nobody’s account are one source, and no person’s', async () => {
  await failFour({ uid: 100_000 })
  assertThrottled(await enter({ uid: 165_535 }))
  assert.is((await enter({ uid: person.uid })).status, 200)
  assert.equal(
    (await penalties()).map(({ source }) => source),
    ['uid:unnamed'],
  )
  assert.equal((await clear({ source: 'uid:unnamed' })).json(), { cleared: 1 })
  assert.is((await enter({ uid: 100_000 })).status, 200)
})

test('failures at one account from many sources slow it, and never stop its owner', async () => {
  const strangers = Array.from({ length: 10 }, (_, at) => behindProxy(`203.0.113.${at}`))
  const guesses = Promise.all(strangers.map(from => guess(from, account.name)))
  const isSlowed = async () =>
    (await penalties()).some(({ source, account: slowed }) => source === null && slowed === account.name)
  await waitFor('the account is slowed', isSlowed)
  const last = guess(behindProxy('203.0.113.99'), account.name)
  assert.is((await enter({ uid: person.uid })).status, 200)
  for (const reply of [...(await guesses), await last]) assertRefused(reply)
})

test('the list says who waits and why; clear lets them go, by source, by account or all', async () => {
  await failFour({ uid: person.uid })
  await failFour(behindProxy('203.0.113.7'))
  const listed = await penalties()
  assert.equal(listed.map(({ source }) => source).sort(), ['ip:203.0.113.7', `uid:${person.uid}`])
  for (const { account: tried, failures, retry_after: wait, blocked_until: until } of listed) {
    assert.is(tried, 'pt-nobody')
    assert.is(failures, 4)
    assert.ok(Math.abs(Date.parse(until ?? '') - Date.now() - wait * 1000) < 5000)
  }
  assert.equal((await clear({ source: '203.0.113.8' })).json(), { cleared: 0 })
  assert.equal((await clear({ source: '203.0.113.7' })).json(), { cleared: 1 })
  assert.is((await enter(behindProxy('203.0.113.7'))).status, 200)
  assertThrottled(await enter({ uid: person.uid }))
  assert.equal((await clear({ source: `uid:${person.uid}`, account: 'pt-somebody' })).json(), { cleared: 0 })
  assert.equal((await clear({ account: 'PT-Nobody' })).json(), { cleared: 2 })
  assert.is((await enter({ uid: person.uid })).status, 200)
  await failFour({ uid: other.uid })
  await clear({})
  assert.equal(await penalties(), [])
  assert.is((await clear({ sauce: `uid:${person.uid}` })).status, 400)
})

test('root lists and clears with the CLI', async () => {
  await failFour({ uid: person.uid })
  const postern = (...args: string[]) =>
    execFileSync(process.execPath, ['dist/postern.cjs', '--runtime', daemon.runtime, ...args], {
      encoding: 'utf8',
      cwd: new URL('../..', import.meta.url),
    })
  assert.match(postern('throttle', 'list'), new RegExp(`uid:${person.uid}`))
  postern('throttle', 'clear', '--source', `uid:${person.uid}`)
  assert.is((await enter({ uid: person.uid })).status, 200)
})

test('who may not see or clear the throttle does not', async () => {
  const { access_token: token } = (await enter({ uid: person.uid })).json()
  assert.is((await daemon.ask('/postern/v1/throttle')).status, 401)
  assert.is((await daemon.ask('/postern/v1/throttle', { token: String(token) })).status, 403)
  assert.is((await daemon.ask('/postern/v1/throttle/clear', { token: String(token), body: {} })).status, 403)
})

test('root’s own socket is exempt: it neither waits nor counts, and what it says of its source is not heard', async () => {
  const client = new LinkClient(connect(join(daemon.runtime, 'root.sock')))
  const from = { source: `uid:${person.uid}`, local: false, uid: person.uid, secure: false, agent: null }
  const ask = (user: string, password: string) => client.request('login.begin', { user, password }, null, from)
  for (let round = 0; round < 3; round++)
    for (const answer of await Promise.all([1, 2].map(() => ask('pt-nobody', 'x'))))
      assert.ok(!answer.ok && answer.reason === 'login_failed')
  assert.ok((await ask(account.name, account.password)).ok)
  const step = await client.request('login.begin', { user: account.name }, null, from)
  assert.ok(!step.ok && step.reason === 'login_continues')
  const answers = { conversation: step.more?.conversation, answers: [account.password] }
  assert.ok((await client.request('login.answer', answers, null, from)).ok)
  assert.equal(await penalties(), [])
  assert.is((await enter({ uid: person.uid })).status, 200)
  client.close()
})

const rows = () => {
  const db = new Database(join(daemon.directory, 'state/postern.db'))
  const found = db.prepare('select key, row from throttle').all() as { key: string; row: string }[]
  db.close()
  return found
}
function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went with its keeper.
  }
}

const isWritten = () => rows().some(({ key }) => key === `source uid:${person.uid}`)

test('a restart keeps it', async () => {
  await failFour({ uid: person.uid })
  await daemon.stop()
  await daemon.start()
  assert.ok(assertThrottled(await enter({ uid: person.uid })) <= 300)
  assert.is((await enter({ uid: other.uid })).status, 200)
})

test('a keeper that is killed has forgotten two seconds at most', async () => {
  await failFour({ uid: person.uid })
  await waitFor('the throttle is written down', isWritten)
  const { pid } = daemon.process
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  await daemon.stop('SIGKILL')
  // The gate outlives its keeper, and would hold on to the port.
  for (const child of children) endNow(Number(child))
  await daemon.start()
  assertThrottled(await enter({ uid: person.uid }))
})

test('what is cleared is gone from the disk too', async () => {
  await failFour({ uid: person.uid })
  await waitFor('the throttle is written down', isWritten)
  await clear({ source: `uid:${person.uid}` })
  await waitFor('the row is gone', () => !isWritten())
})

interface Kept {
  bootId: string
  savedMs: number
  quietFrom: number
}

/** Changes what a stopped daemon has kept of `person`. */
function rewrite(change: (kept: Kept) => Kept): void {
  const db = new Database(join(daemon.directory, 'state/postern.db'))
  for (const { key, row } of rows().filter(({ key }) => key === `source uid:${person.uid}`)) {
    const { state, bootId, savedMs, ...rest } = JSON.parse(row)
    const { quietFrom, ...tally } = JSON.parse(state)
    const { quietFrom: moved, ...stamp } = change({ bootId, savedMs, quietFrom })
    const kept = { ...rest, ...stamp, state: JSON.stringify({ ...tally, quietFrom: moved }) }
    db.prepare('update throttle set row = ? where key = ?').run(JSON.stringify(kept), key)
  }
  db.close()
}

test('after a reboot the remainder counts anew', async () => {
  await failFour({ uid: person.uid })
  await daemon.stop()
  // The same moment on the clock of a boot that had only begun, so that within this boot it would be long over.
  rewrite(({ savedMs, quietFrom }) => ({
    bootId: 'another',
    savedMs: 5000,
    quietFrom: quietFrom - (savedMs - 5000) - 200_000,
  }))
  await daemon.start()
  const wait = assertThrottled(await enter({ uid: person.uid }))
  assert.ok(wait > 80 && wait <= 100, String(wait))
})

test('its limits are those of the configuration', async () => {
  await failFour({ uid: person.uid })
  await daemon.stop()
  daemon.configure({ ...config, throttle: { forget_seconds: 60, account_burst: 2, account_interval_seconds: 60 } })
  rewrite(kept => ({ ...kept, quietFrom: kept.savedMs - 130_000 }))
  await daemon.start()
  const [remembered] = await penalties()
  assert.equal([remembered?.source, remembered?.failures], [`uid:${person.uid}`, 2])
  for (const address of ['203.0.113.1', '203.0.113.2']) assertRefused(await guess(behindProxy(address), account.name))
  const slowed = (await penalties()).find(({ source }) => source === null)
  assert.is(slowed?.account, account.name)
  const wait = slowed?.retry_after ?? 0
  assert.ok(wait > 50 && wait <= 60, String(wait))
})

test('nothing waits where the throttle is off', async () => {
  const off = await startDaemon({
    config: {
      insecure: { throttle_off: true },
      login: { failure_delay_seconds: 0.5 },
      pam: { children_per_source: 8 },
    },
  })
  const replies = await Promise.all([1, 2, 3, 4, 5, 6].map(() => off.login('pt-nobody', 'x')))
  await off.remove()
  for (const reply of replies) assertRefused(reply)
})

test.run()
