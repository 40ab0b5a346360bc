/** The session operations: who sees and ends which sessions. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../../server/keeper/caller.ts'
import { sessionHandlers } from '../../../server/keeper/session/handlers.ts'
import type { Login } from '../../../server/keeper/session/sessions.ts'
import { createHouse, found, type House, here, hour } from './house.ts'

type Handlers = ReturnType<typeof sessionHandlers>

interface Context {
  house: House
  handlers: Handlers
  /** Logs in and gives the caller with that session. */
  as(name: string, more?: Partial<Login>): Promise<Caller>
}

const permissions: { readonly [group: string]: string[] } = { sudo: ['session.manage'], staff: ['session.read'] }

const test = suite<Context>('keeper/session handlers')
test.before.each(async context => {
  const house = await createHouse({
    rights: ({ groups }, roleCap) => ({
      roles: roleCap === null ? [...groups] : [roleCap],
      permissions: roleCap === null ? groups.flatMap(group => permissions[group] ?? []) : [],
    }),
  })
  house.accounts.set('admin', { name: 'admin', uid: 1009, gid: 1009, groups: ['sudo'] })
  house.accounts.set('reader', { name: 'reader', uid: 1008, gid: 1008, groups: ['staff'] })
  Object.assign(context, {
    house,
    handlers: sessionHandlers({ sessions: house.sessions, store: house.store, clock: house.clock }),
    as: async (name: string, more: Partial<Login> = {}) => {
      const { accessToken } = await house.login(name, more)
      const authenticated = await house.sessions.resolve(accessToken, more.from ?? here)
      return { door: 'gate', from: here, authenticated, signal: new AbortController().signal, note: () => {} }
    },
  })
})
test.after.each(({ house }) => house.close())

const idOf = (caller: Caller) => caller.authenticated?.session.id ?? ''
const unknownId = 'A'.repeat(22)

async function list(handlers: Handlers, input: Parameters<Handlers['session.list']>[0], caller: Caller) {
  const answer = await handlers['session.list'](input, caller)
  return answer.ok ? answer.value : { items: [], next: answer.reason }
}

test('everybody sees their own sessions, the one that asks marked', async ({ handlers, as }) => {
  const [mine, other] = [await as('alice'), await as('alice', { kind: 'cookie' })]
  await as('bob')
  const { items, next } = await list(handlers, {}, mine)
  assert.equal(items.map(({ id }) => id).sort(), [idOf(mine), idOf(other)].sort())
  assert.equal(
    items.filter(({ current }) => current).map(({ id }) => id),
    [idOf(mine)],
  )
  assert.is(next, null)
})

test('a session shows whose it is, since when, until when, from where and with what', async ({
  house,
  handlers,
  as,
}) => {
  const mine = await as('alice')
  house.clock.pass(60)
  const [shown] = (await list(handlers, {}, mine)).items
  const { user, kind, source, agent, created_at: created, expires_at: expires } = found(shown)
  assert.equal([user.name, user.realm, kind, source, agent], ['alice', 'pam', 'token', 'uid:1000', 'test'])
  assert.is(Date.parse(created), house.clock.wallMs() - 60_000)
  assert.is(Date.parse(expires) - Date.parse(created), 7 * 24 * hour * 1000)
})

test('a session shows no token and no grant', async ({ handlers, as }) => {
  const mine = await as('alice')
  const text = JSON.stringify(await list(handlers, {}, mine))
  assert.not.match(text, mine.authenticated?.grant.jti ?? '')
  assert.not.match(text, mine.authenticated?.grant.refreshHash ?? '')
})

test('after the clock was set the times shown are those of the new clock', async ({ house, handlers, as }) => {
  const mine = await as('alice')
  house.clock.setWall(0)
  house.clock.pass(10)
  const [shown] = (await list(handlers, {}, mine)).items
  assert.is(shown?.created_at, '1970-01-01T00:00:00.000Z')
})

const askers: [name: string, input: object, admin: number | string, alice: number | string][] = [
  ['of everyone', { everyone: true }, 5, 'forbidden'],
  ['of another by name', { user: 'bob' }, 1, 'forbidden'],
  ['of oneself by name', { user: 'alice' }, 2, 2],
  ['of a name that there is not', { user: 'nobody' }, 0, 'forbidden'],
]
for (const [name, input, admin, alice] of askers)
  test(`the sessions ${name}: ${admin} for an admin and a reader, ${alice} for anybody`, async ({ handlers, as }) => {
    const [one, root, reader] = [await as('alice'), await as('admin'), await as('reader')]
    for (const other of ['alice', 'bob']) await as(other)
    for (const [caller, expected] of [
      [root, admin],
      [reader, admin],
      [one, alice],
    ] as const) {
      const { items, next } = await list(handlers, input, caller)
      assert.is(typeof expected === 'number' ? items.length : next, expected)
    }
  })

const pagings: [name: string, input: object][] = [
  ['one’s own', {}],
  ['everyone’s', { everyone: true }],
  ['a name’s', { user: 'alice' }],
]
for (const [name, input] of pagings)
  test(`${name} sessions come in pages, each once, to the end`, async ({ handlers, as }) => {
    const caller = await as(name === 'one’s own' ? 'alice' : 'admin')
    for (let count = name === 'one’s own' ? 1 : 0; count < 7; count += 1) await as('alice')
    const seen: string[] = []
    let cursor: string | undefined
    for (let page = 0; page < 10; page += 1) {
      const { items, next } = await list(handlers, { ...input, limit: 3, ...(cursor && { cursor }) }, caller)
      assert.ok(items.length <= 3)
      seen.push(...items.map(({ id }) => id))
      if (next === null) break
      cursor = next
    }
    const expected = name === 'everyone’s' ? 8 : 7
    assert.is(seen.length, expected)
    assert.is(new Set(seen).size, expected)
  })

test('the sessions of two identities of one name come in pages together, each once', async ({
  house,
  handlers,
  as,
}) => {
  const caller = await as('admin')
  for (let count = 0; count < 4; count += 1) await as('alice')
  house.accounts.set('alice', { name: 'alice', uid: 1777, gid: 1777, groups: [] })
  for (let count = 0; count < 4; count += 1) await as('alice')
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const { items, next } = await list(handlers, { user: 'alice', limit: 3, ...(cursor && { cursor }) }, caller)
    seen.push(...items.map(({ id }) => id))
    cursor = next ?? undefined
  } while (cursor !== undefined && seen.length < 20)
  assert.is(seen.length, 8)
  assert.is(new Set(seen).size, 8)
})

test('a list is 50 long unless asked otherwise', async ({ handlers, as }) => {
  const mine = await as('alice')
  for (let count = 0; count < 51; count += 1) await as('alice')
  const { items, next } = await list(handlers, {}, mine)
  assert.is(items.length, 50)
  assert.is(next, items[49]?.id ?? '')
})

async function revoke(handlers: Handlers, id: string, caller: Caller): Promise<string> {
  const answer = await handlers['session.revoke']({ id }, caller)
  return answer.ok ? 'ok' : answer.reason
}

test('everybody ends their own sessions', async ({ house, handlers, as }) => {
  const [mine, other] = [await as('alice'), await as('alice')]
  assert.is(await revoke(handlers, idOf(other), mine), 'ok')
  assert.is(await house.store.sessions.find(idOf(other)), null)
  assert.is(await revoke(handlers, idOf(mine), mine), 'ok')
})

test('to a stranger another’s session and one that there is not are the same', async ({ house, handlers, as }) => {
  const [mine, bobs] = [await as('alice'), await as('bob')]
  const answers = [
    await handlers['session.revoke']({ id: idOf(bobs) }, mine),
    await handlers['session.revoke']({ id: unknownId }, mine),
  ]
  assert.equal(answers[0], answers[1])
  assert.is(answers[0]?.ok === false && answers[0].reason, 'not_found')
  assert.ok(await house.store.sessions.find(idOf(bobs)))
})

test('who manages sessions ends another’s', async ({ house, handlers, as }) => {
  const [root, bobs] = [await as('admin'), await as('bob')]
  assert.is(await revoke(handlers, idOf(bobs), root), 'ok')
  assert.is(await house.store.sessions.find(idOf(bobs)), null)
  assert.is(await revoke(handlers, idOf(bobs), root), 'not_found')
})

test('who only reads sessions ends none but their own', async ({ house, handlers, as }) => {
  const [reader, bobs] = [await as('reader'), await as('bob')]
  assert.is(await revoke(handlers, idOf(bobs), reader), 'not_found')
  const all = await handlers['session.revoke_all']({ user: 'bob' }, reader)
  assert.is(all.ok ? 'ok' : all.reason, 'forbidden')
  assert.ok(await house.store.sessions.find(idOf(bobs)))
  assert.is(await revoke(handlers, idOf(reader), reader), 'ok')
})

test('a session capped to a role does not manage others', async ({ house, handlers, as }) => {
  const [capped, bobs] = [await as('admin', { roleCap: 'viewer' }), await as('bob')]
  assert.equal(capped.authenticated?.roles, ['viewer'])
  assert.is(await revoke(handlers, idOf(bobs), capped), 'not_found')
  assert.ok(await house.store.sessions.find(idOf(bobs)))
})

test('the cap outlives a restart', async ({ house }) => {
  const { accessToken } = await house.login('admin', { roleCap: 'viewer' })
  await house.restart()
  assert.equal((await house.sessions.resolve(accessToken, here))?.roles, ['viewer'])
})

const revocations: [
  name: string,
  caller: string,
  input: object,
  left: Record<string, number>,
  revoked: number | string,
][] = [
  ['all one’s own', 'alice', {}, { alice: 0, bob: 3, admin: 3 }, 3],
  ['one’s own but the one that asks', 'alice', { others: true }, { alice: 1, bob: 3, admin: 3 }, 2],
  ['one’s own by name', 'alice', { user: 'alice' }, { alice: 0, bob: 3, admin: 3 }, 3],
  ['another’s', 'alice', { user: 'bob' }, { alice: 3, bob: 3, admin: 3 }, 'forbidden'],
  ['another’s as an admin', 'admin', { user: 'bob' }, { alice: 3, bob: 0, admin: 3 }, 3],
  ['a name’s that there is not', 'admin', { user: 'nobody' }, { alice: 3, bob: 3, admin: 3 }, 0],
]
for (const [name, asks, input, left, revoked] of revocations)
  test(`revoke_all: ${name}`, async ({ house, handlers, as }) => {
    const callers = new Map<string, Caller>()
    for (const one of ['alice', 'bob', 'admin']) {
      for (let count = 0; count < 2; count += 1) await as(one)
      callers.set(one, await as(one))
    }
    const answer = await handlers['session.revoke_all'](input, found(callers.get(asks)))
    assert.is(answer.ok ? answer.value.revoked : answer.reason, revoked)
    for (const [one, count] of Object.entries(left)) {
      const { id } = await house.identity(one)
      assert.is((await house.store.sessions.list({ identity: id, limit: 200 })).length, count, one)
    }
    if (typeof revoked === 'number' && revoked > 0) assert.ok(house.forgotten.length === 1)
  })

test('revoke_all ends more sessions than one page holds', async ({ house, handlers, as }) => {
  const mine = await as('alice')
  for (let count = 0; count < 205; count += 1) await as('alice')
  const answer = await handlers['session.revoke_all']({ others: true }, mine)
  assert.is(answer.ok && answer.value.revoked, 205)
  assert.ok(await house.store.sessions.find(idOf(mine)))
})

test('what a broken store has ended on the way is forgotten in the gates', async ({ house, as }) => {
  const mine = await as('alice')
  await as('alice')
  const { remove } = house.store.sessions
  let count = 0
  Object.assign(house.store.sessions, {
    remove: (id: string) => {
      count += 1
      return count === 2 ? Promise.reject(new Error('the disk is gone')) : remove(id)
    },
  })
  const { id } = found(mine.authenticated).identity
  let fault: unknown
  await house.sessions.endAll(id, null).catch(thrown => {
    fault = thrown
  })
  assert.match(String(fault), 'the disk is gone')
  assert.equal(house.forgotten, [{ identity: id }])
})

const resolved: [name: string, more: Partial<Login>, idleSeconds: number, expectedMs: number][] = [
  ['a token session for a minute', {}, 8 * hour, 60_000],
  ['a cookie session for a minute', { kind: 'cookie' }, 8 * hour, 60_000],
  ['a cookie session with a short idle time for a tenth of it', { kind: 'cookie' }, 20, 2000],
  ['root’s token for a minute', { kind: 'root' }, 8 * hour, 60_000],
  ['a session that ends sooner until then', { expiresMs: 5000 }, 8 * hour, 5000],
]
for (const [name, more, idleSeconds, expectedMs] of resolved)
  test(`a gate may remember ${name}`, async ({ house, handlers, as }) => {
    house.lifetimes.idle = idleSeconds
    const answer = await handlers['session.resolve']({}, await as('alice', more))
    assert.is(answer.ok && answer.value.valid_ms, expectedMs)
  })

test('who uses a cookie session every now and then is not idle, although gates remember', async ({
  house,
  handlers,
}) => {
  house.lifetimes.idle = 20
  const { accessToken } = await house.login('alice', { kind: 'cookie' })
  let rememberedUntil = 0
  for (let passed = 0; passed < 200; passed += 15) {
    if (rememberedUntil <= passed) {
      const authenticated = await house.sessions.resolve(accessToken, here)
      assert.ok(authenticated, `after ${passed} s`)
      const caller = { door: 'gate', from: here, signal: new AbortController().signal, note: () => {} } as const
      const answer = await handlers['session.resolve']({}, { ...caller, authenticated })
      rememberedUntil = passed + (answer.ok ? answer.value.valid_ms / 1000 : 0)
    }
    house.clock.pass(15)
  }
})

test('a gate is told whose connections may use a session, and which are for this machine', async ({ handlers, as }) => {
  const tell = async (caller: Caller) => {
    const answer = await handlers['session.resolve']({}, caller)
    return answer.ok ? [answer.value.bound_uid, answer.value.local_only] : []
  }
  assert.equal(await tell(await as('alice', { kind: 'cookie' })), [1000, false])
  assert.equal(await tell(await as('alice')), [null, false])
  assert.equal(await tell(await as('admin', { kind: 'root' })), [null, true])
  const secure = { kind: 'cookie', from: { ...here, secure: true } } as const
  assert.equal(await tell(await as('alice', secure)), [1000, false])
  const proxied = { kind: 'cookie', from: { ...here, secure: true, source: 'ip:192.0.2.7', uid: 33 } } as const
  assert.equal(await tell(await as('alice', proxied)), [null, false])
  const proxiedPlainly = { ...proxied, from: { ...proxied.from, secure: false } }
  assert.equal(await tell(await as('alice', proxiedPlainly)), [33, false])
})

const checks: [permission: string | undefined, admin: string, alice: string][] = [
  [undefined, 'ok', 'ok'],
  ['session.manage', 'ok', 'forbidden'],
  ['job.install', 'forbidden', 'forbidden'],
]
for (const [permission, admin, alice] of checks)
  test(`access.check of ${permission ?? 'nothing'}: ${admin} for an admin, ${alice} for anybody`, async ({
    handlers,
    as,
  }) => {
    for (const [name, expected] of [
      ['admin', admin],
      ['alice', alice],
    ] as const) {
      const answer = await handlers['access.check'](permission === undefined ? {} : { permission }, await as(name))
      assert.is(answer.ok ? 'ok' : answer.reason, expected)
    }
  })

test.run()
