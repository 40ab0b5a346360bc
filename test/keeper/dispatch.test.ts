/** The dispatcher: every request parsed, authenticated, permitted and audited, whoever brings it. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Audit, createAudit } from '../../server/keeper/audit/audit.ts'
import { AuditError } from '../../server/keeper/audit/error.ts'
import { createBelief } from '../../server/keeper/believe.ts'
import type { Caller } from '../../server/keeper/caller.ts'
import { createDispatch, type Handlers } from '../../server/keeper/dispatch.ts'
import { sessionHandlers } from '../../server/keeper/session/handlers.ts'
import type { Login } from '../../server/keeper/session/sessions.ts'
import { signingHandlers } from '../../server/keeper/signing/handlers.ts'
import { StorageFull } from '../../server/keeper/store/store.ts'
import type { Answer } from '../../server/link/message.ts'
import { no, yes } from '../../server/operations/operation.ts'
import { table } from '../../server/operations/table.ts'
import { createHouse, type House, here } from './session/house.ts'

interface Context {
  house: House
  file: string
  audit: Audit
  faults: unknown[]
  handlers: Handlers
  call(operation: string, input?: unknown, token?: string | null, from?: Partial<typeof here>): Promise<Answer>
}

const off = async () => no('busy')

async function createContext(): Promise<Context> {
  const house = await createHouse({
    rights: ({ groups }) => ({ roles: [...groups], permissions: groups.includes('sudo') ? ['*'] : [] }),
  })
  house.accounts.set('admin', { name: 'admin', uid: 1009, gid: 1009, groups: ['sudo'] })
  const directory = join(house.directory, 'log')
  mkdirSync(directory, { mode: 0o750 })
  const file = join(directory, 'audit.log')
  const { clock, store } = house
  const audit = await createAudit({ file, clock, heads: store.auditHead, journal: () => {}, rotateBytes: 1e6 })
  const faults: unknown[] = []
  const all: Partial<Handlers> = Object.fromEntries(Object.keys(table).map(name => [name, off]))
  const handlers = {
    ...(all as Handlers),
    ...sessionHandlers({ sessions: house.sessions, store, clock }),
    ...signingHandlers({ keys: house.keys, tellGates: async () => {} }),
  }
  return {
    ...{ house, file, audit, faults, handlers },
    async call(this: Context, operation, input = {}, token = null, from = {}) {
      const logFault = (fault: unknown) => void faults.push(fault)
      const believe = createBelief({ find: uid => [...house.accounts.values()].some(one => one.uid === uid) })
      const dispatch = createDispatch({ ...this, sessions: house.sessions, clock, believe, logFault })
      const signal = new AbortController().signal
      return dispatch({ operation, input, token, from: { ...here, ...from }, signal }, 'gate')
    },
  }
}

const test = suite<Context>('keeper/dispatch')
test.before.each(async context => {
  const fresh = await createContext()
  Object.assign(context, fresh, { call: (...args: Parameters<Context['call']>) => fresh.call.apply(context, args) })
})
test.after.each(async ({ house, audit }) => {
  await audit.close()
  await house.close()
})

const login = async (house: House, name: string, more: Partial<Login> = {}) =>
  (await house.login(name, more)).accessToken

/** The trail with other doors. */
const replacing = (audit: Audit, doors: Pick<Audit, 'record' | 'note'>): Audit => ({
  ...{ head: () => audit.head(), journalHead: () => {}, close: () => audit.close(), ...doors },
})

/** What the trail says, in order. */
const trail = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)

const reason = (answer: Answer) => (answer.ok ? 'ok' : answer.reason)

test('an operation that there is not is refused, also one that every object has', async ({ call }) => {
  for (const name of ['session.nothing', '', 'constructor', '__proto__', 'toString', 'hasOwnProperty'])
    assert.is(reason(await call(name)), 'not_found')
})

test('without a token only public operations run', async ({ call }) => {
  for (const [name, { access }] of Object.entries(table)) {
    const answer = await call(name)
    if (access === 'public') assert.is.not(reason(answer), 'unauthenticated', name)
    else assert.is(reason(answer), 'unauthenticated', name)
  }
})

test('without the permission no operation runs that asks for one', async ({ call, house }) => {
  const token = await login(house, 'alice')
  for (const [name, { access }] of Object.entries(table))
    if (typeof access === 'object') assert.is(reason(await call(name, {}, token)), 'forbidden', name)
})

test('a member that the input does not have is refused, and named', async ({ call, house }) => {
  const token = await login(house, 'admin')
  for (const [name, { access }] of Object.entries(table)) {
    const answer = await call(name, { mistyped: 1 }, token)
    assert.is(reason(answer), 'invalid_input', `${name} ${String(access)}`)
    assert.match(answer.ok ? '' : (answer.detail ?? ''), 'mistyped')
  }
})

const inputs: [name: string, input: unknown][] = [
  ['null', null],
  ['nothing', undefined],
  ['an array', []],
  ['a text', 'x'],
  ['a number', 1],
  ['a member of another type', { everyone: 'true' }],
  ['a number out of bounds', { limit: 201 }],
  ['a fraction', { limit: 1.5 }],
  ['a member that is null', { user: null }],
  ['a text that is too long', { user: 'x'.repeat(257) }],
]
for (const [name, input] of inputs)
  test(`input that is ${name} is refused`, async ({ call, house }) => {
    // The default parameter would make an object of undefined.
    const given = input === undefined ? JSON.parse('null') : input
    assert.is(reason(await call('session.list', given, await login(house, 'alice'))), 'invalid_input')
  })

test('a mistyped user does not mean everybody', async ({ call, house }) => {
  const token = await login(house, 'admin')
  const bob = await login(house, 'bob')
  assert.is(reason(await call('session.revoke_all', { usr: 'alice' }, token)), 'invalid_input')
  assert.ok(await house.isGood(bob))
})

test('who asks is judged before what is asked', async ({ call, house }) => {
  assert.is(reason(await call('config.reload', { bad: 1 })), 'unauthenticated')
  assert.is(reason(await call('config.reload', { bad: 1 }, await login(house, 'alice'))), 'forbidden')
})

test('a forged token, an ended session and a session of another uid are no authentication', async ({ call, house }) => {
  const token = await login(house, 'alice', { kind: 'cookie' })
  assert.ok((await call('session.current', {}, token)).ok)
  assert.is(reason(await call('session.current', {}, `${token}x`)), 'unauthenticated')
  assert.is(reason(await call('session.current', {}, token, { uid: 1001 })), 'unauthenticated')
  assert.is(reason(await call('session.current', {}, token, { uid: null })), 'unauthenticated')
  await house.sessions.endAll((await house.identity('alice')).id, null)
  assert.is(reason(await call('session.current', {}, token)), 'unauthenticated')
})

test('root’s token is nobody’s from afar', async ({ call, house }) => {
  const token = await login(house, 'admin', { kind: 'root' })
  assert.ok((await call('session.current', {}, token)).ok)
  assert.is(reason(await call('session.current', {}, token, { local: false })), 'unauthenticated')
})

const stepUps: [name: string, more: Partial<Login>, passed: number, expected: string][] = [
  ['a login of now', {}, 0, 'ok'],
  ['a login of just under 15 minutes ago', {}, 899, 'ok'],
  ['a login of 15 minutes ago', {}, 900, 'reauthentication_required'],
  ['root’s token, however old', { kind: 'root' }, 3000, 'ok'],
  ['a session that a ticket made just now', { amr: ['ticket'] }, 0, 'reauthentication_required'],
]
for (const [name, more, passed, expected] of stepUps)
  test(`a step-up is ${expected === 'ok' ? 'satisfied' : 'not satisfied'} by ${name}`, async ({ call, house }) => {
    const token = await login(house, 'admin', more)
    house.clock.pass(passed)
    assert.is(reason(await call('signing.rotate', {}, token)), expected)
  })

test('a refresh is no login: it does not satisfy a step-up', async ({ call, house }) => {
  const first = await house.login('admin')
  house.clock.pass(900)
  const second = await house.sessions.refresh(first.refreshToken ?? '', here)
  assert.is(reason(await call('signing.rotate', {}, second?.accessToken)), 'reauthentication_required')
})

test('a step-up asks for the permission first', async ({ call, house }) => {
  const token = await login(house, 'alice')
  assert.is(reason(await call('signing.rotate', {}, token)), 'forbidden')
})

test('the intention is in the trail before the effect, and what came of it after', async ({ call, house, file }) => {
  const { accessToken, session } = await house.login('alice')
  let duringEffect: unknown[] = []
  const { remove } = house.store.sessions
  Object.assign(house.store.sessions, {
    remove: async (id: string) => {
      duringEffect = trail(file).map(({ outcome }) => outcome)
      return remove(id)
    },
  })
  assert.ok((await call('session.end', {}, accessToken)).ok)
  assert.equal(duringEffect, ['intended'])
  const lines = trail(file)
  assert.equal(
    lines.map(({ outcome }) => outcome),
    ['intended', 'ok'],
  )
  for (const line of lines)
    assert.equal([line.event, line.user, line.session, line.source], ['session.end', 'alice', session.id, 'uid:1000'])
})

test('no token and no password is ever in the trail', async ({ call, house, file }) => {
  const token = await login(house, 'alice')
  await call('session.end', {}, token)
  await call('login.begin', { user: 'alice', password: 'correct horse' })
  const text = readFileSync(file, 'utf8')
  assert.not.match(text, token.split('.')[2] ?? '')
  assert.not.match(text, 'horse')
})

test('no gate has the word of root.sock, in the trail or with a handler', async context => {
  const { call, house, file } = context
  const token = await login(house, 'alice')
  const seen: string[] = []
  Object.assign(context.handlers, {
    'login.begin': async (_input: unknown, caller: Caller) => {
      seen.push(caller.from.source)
      return no('login_failed')
    },
  })
  await call('config.reload', {}, token, { source: 'root' })
  await call('login.begin', { user: 'alice' }, null, { source: 'root' })
  assert.equal(seen, ['unknown'])
  assert.equal(
    trail(file).map(({ source }) => source),
    ['unknown', 'unknown'],
  )
})

test('a refusal is in the trail with its reason, and without an intention', async ({ call, house, file }) => {
  await call('config.reload', {}, await login(house, 'alice'))
  assert.equal(
    trail(file).map(({ outcome, reason: why }) => [outcome, why]),
    [['refused', 'forbidden']],
  )
})

test('what a flood of nonsense would write is not in the trail', async ({ call, house, file }) => {
  const token = await login(house, 'admin')
  await call('session.end', {}, 'rubbish')
  await call('session.end', { bad: 1 }, token)
  await call('login.begin', { user: 'alice' })
  assert.equal(trail(file), [])
})

test('reading leaves no trace', async ({ call, house, file }) => {
  const token = await login(house, 'admin')
  await call('session.list', { everyone: true }, token)
  await call('signing.list', {}, token)
  assert.equal(trail(file), [])
})

const full: [name: string, fault: Error][] = [
  ['the trail', new AuditError('storage_full', 'no room')],
  ['the store', new StorageFull('no room')],
]
test('when the trail is full a change does not happen, and says so', async context => {
  const { call, house } = context
  const [token, bob] = [await login(house, 'admin'), await house.login('bob')]
  context.audit = replacing(context.audit, { record: () => Promise.reject(full[0]?.[1]), note: async () => {} })
  assert.is(reason(await call('session.revoke', { id: bob.session.id }, token)), 'storage_full')
  assert.ok(await house.isGood(bob.accessToken))
})

for (const [name, fault] of full)
  test(`when ${name} is full a handler that finds out answers so, and nothing is logged as a fault`, async context => {
    const { call, house, faults } = context
    Object.assign(context.handlers, { 'session.end': () => Promise.reject(fault) })
    assert.is(reason(await call('session.end', {}, await login(house, 'alice'))), 'storage_full')
    assert.equal(faults, [])
  })

test('a public operation does not wait for the trail', async context => {
  const noted: unknown[] = []
  const record = () => Promise.reject(new AuditError('storage_full', 'no room'))
  context.audit = replacing(context.audit, { record, note: async entry => void noted.push(entry.outcome) })
  Object.assign(context.handlers, { 'login.begin': async () => no('login_failed') })
  assert.is(reason(await context.call('login.begin', { user: 'alice' })), 'login_failed')
  assert.equal(noted, ['refused'])
})

test('a trail that fills up during the effect does not change its answer', async context => {
  const { call, house, audit } = context
  const token = await login(house, 'alice')
  let isFull = false
  const record: Audit['record'] = entry =>
    isFull ? Promise.reject(new AuditError('storage_full', 'no room')) : audit.record(entry)
  context.audit = replacing(audit, { record, note: async () => {} })
  Object.assign(context.handlers, {
    'session.end': async () => {
      isFull = true
      return yes({})
    },
  })
  assert.ok((await call('session.end', {}, token)).ok)
})

test('an unknown fault says nothing to the client and everything to the log', async context => {
  const { call, house, faults, file } = context
  const fault = new Error('the secret is 42')
  Object.assign(context.handlers, { 'session.end': () => Promise.reject(fault) })
  const answer = await call('session.end', {}, await login(house, 'alice'))
  assert.is(reason(answer), 'unavailable')
  assert.not.match(JSON.stringify(answer), 'secret')
  assert.equal(faults, [fault])
  assert.equal(
    trail(file).map(({ outcome }) => outcome),
    ['intended', 'failed'],
  )
})

test('an answer that is not what the table says is a fault, not an answer', async context => {
  const { call, house, faults } = context
  Object.assign(context.handlers, { 'session.revoke_all': async () => yes({ revoked: 'many' }) })
  assert.is(reason(await call('session.revoke_all', {}, await login(house, 'alice'))), 'unavailable')
  assert.is(faults.length, 1)
})

test('members that the output does not have stay behind', async context => {
  const { call, house } = context
  Object.assign(context.handlers, { 'session.revoke_all': async () => yes({ revoked: 1, secret: 'x' }) })
  const answer = await call('session.revoke_all', {}, await login(house, 'alice'))
  assert.equal(answer, { ok: true, value: { revoked: 1 } })
})

test.run()
