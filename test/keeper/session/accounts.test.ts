/** Sessions whose account is gone, is another's, is in other groups, or may not log in any more. */
import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Account } from '../../../server/keeper/libc.ts'
import type { IssuedTokens, Login } from '../../../server/keeper/session/sessions.ts'
import type { Identity } from '../../../server/keeper/store/identity.ts'
import type { Timer } from '../../../server/keeper/throttle/timer.ts'
import { Tickets, ticketAmr } from '../../../server/keeper/ticket/tickets.ts'
import { createHouse, found, type House, here } from './house.ts'

interface Context {
  house: House
  /** Names that `login.allow` keeps out. */
  kept: Set<string>
  directory: { looks: number; isDown: boolean; hang: Promise<void>; runOutOfPatience: () => void }
}

const test = suite<Context>('keeper/session accounts')
test.before.each(async context => {
  const kept = new Set<string>()
  const directory = { looks: 0, isDown: false, hang: Promise.resolve(), runOutOfPatience: () => {} }
  const findAccount = async (name: string) => {
    directory.looks += 1
    await directory.hang
    if (directory.isDown) throw new Error('the directory is down')
    return house.accounts.get(name) ?? null
  }
  const mayLogIn = ({ name, groups }: Pick<Identity, 'name' | 'groups'>) => !kept.has(name) && !groups.includes('out')
  const timer: Timer = (_ms, fire) => {
    directory.runOutOfPatience = fire
    return () => {}
  }
  const house = await createHouse({ findAccount, mayLogIn, timer })
  Object.assign(context, { house, kept, directory })
})
test.after.each(({ house }) => house.close())

const alice: Account = { name: 'alice', uid: 1000, gid: 1000, groups: ['alice'] }

const settled = () => new Promise(resolve => setImmediate(resolve))

const isThere = async ({ store }: House, { session }: IssuedTokens) => (await store.sessions.find(session.id)) !== null

const ends: { name: string; change: (context: Context) => unknown }[] = [
  { name: 'is gone', change: ({ house }) => house.accounts.delete('alice') },
  {
    name: 'was made anew, with another uid',
    change: ({ house }) => house.accounts.set('alice', { ...alice, uid: 1777 }),
  },
  {
    name: 'is in no group any more that may log in',
    change: ({ house }) => house.accounts.set('alice', { ...alice, groups: ['out'] }),
  },
  { name: 'is kept out by the configuration', change: ({ kept }) => kept.add('alice') },
]
for (const { name, change } of ends)
  for (const kind of ['cookie', 'token'] as const)
    test(`a ${kind} session ends within a minute when its account ${name}`, async context => {
      const { house } = context
      const tokens = await house.login('alice', { kind })
      const other = await house.login('bob', { kind })
      change(context)
      house.clock.pass(60)
      assert.not.ok(await house.isGood(tokens.accessToken))
      assert.not.ok(await isThere(house, tokens))
      assert.ok(house.forgotten.some(what => 'session' in what && what.session === tokens.session.id))
      assert.ok(await house.isGood(other.accessToken))
    })

test('a stream of events ends with it', async ({ house }) => {
  const { accessToken } = await house.login('alice')
  const { grant, session, identity } = found(await house.sessions.resolve(accessToken, here))
  house.accounts.delete('alice')
  house.clock.pass(60)
  const holder = { jti: grant.jti, session: session.id, identity: identity.id }
  assert.is(await house.sessions.resolveHolder(holder, here), null)
})

test('a configuration that keeps somebody out counts at the next use, without a look-up', async ({
  house,
  kept,
  directory,
}) => {
  const tokens = await house.login('alice', { kind: 'cookie' })
  kept.add('alice')
  assert.not.ok(await house.isGood(tokens.accessToken))
  assert.not.ok(await isThere(house, tokens))
  assert.is(directory.looks, 0)
})

test('other groups give other rights within a minute, and every gate forgets the identity', async ({ house }) => {
  const { accessToken, identity } = await house.login('alice', { kind: 'cookie' })
  house.accounts.set('alice', { ...alice, groups: ['sudo'] })
  assert.equal((await house.sessions.resolve(accessToken, here))?.roles, ['alice'])
  house.clock.pass(60)
  assert.equal((await house.sessions.resolve(accessToken, here))?.roles, ['sudo'])
  assert.equal(house.forgotten, [{ identity: identity.id }])
})

test('when an account is gone, gates ask again for every session of it, and each ends', async ({ house }) => {
  const all = [await house.login('alice'), await house.login('alice', { kind: 'cookie' })]
  house.accounts.delete('alice')
  house.clock.pass(60)
  await house.isGood(all[0]?.accessToken ?? '')
  assert.equal(house.forgotten[0], { identity: all[0]?.identity.id })
  assert.not.ok(await house.isGood(all[1]?.accessToken ?? ''))
  assert.equal(await Promise.all(all.map(tokens => isThere(house, tokens))), [false, false])
})

test('an account that came back and logs in is in', async ({ house }) => {
  const former = await house.login('alice')
  house.accounts.delete('alice')
  house.clock.pass(60)
  assert.not.ok(await house.isGood(former.accessToken))
  house.accounts.set('alice', alice)
  assert.ok(await house.isGood((await house.login('alice')).accessToken))
})

test('an account is looked up once a minute, however many sessions and uses there are', async ({
  house,
  directory,
}) => {
  const all = await Promise.all(Array.from({ length: 5 }, () => house.login('alice')))
  for (let minute = 1; minute <= 3; minute += 1) {
    house.clock.pass(60)
    for (let use = 0; use < 3; use += 1)
      await Promise.all(all.map(async ({ accessToken }) => assert.ok(await house.isGood(accessToken))))
    assert.is(directory.looks, minute)
  }
})

test('a directory that is down ends no session, and is asked again', async ({ house, directory }) => {
  const { accessToken } = await house.login('alice', { kind: 'cookie' })
  house.accounts.delete('alice')
  directory.isDown = true
  house.clock.pass(60)
  assert.ok(await house.isGood(accessToken))
  directory.isDown = false
  house.clock.pass(10)
  assert.not.ok(await house.isGood(accessToken))
})

test('a directory that hangs holds no session up, and what it says in the end counts', async ({ house, directory }) => {
  const { accessToken } = await house.login('alice', { kind: 'cookie' })
  house.accounts.delete('alice')
  const { promise, resolve } = Promise.withResolvers<void>()
  directory.hang = promise
  house.clock.pass(60)
  const asked = house.isGood(accessToken)
  while (directory.looks === 0) await settled()
  directory.runOutOfPatience()
  assert.ok(await asked)
  assert.ok(await house.isGood(accessToken))
  resolve()
  await settled()
  assert.not.ok(await house.isGood(accessToken))
  assert.is(directory.looks, 1)
})

test('a session that is ended while its account is looked up is ended', async ({ house, directory }) => {
  const { accessToken, session } = await house.login('alice', { kind: 'cookie' })
  const { promise, resolve } = Promise.withResolvers<void>()
  directory.hang = promise
  house.clock.pass(60)
  const asked = house.isGood(accessToken)
  await house.sessions.end(session.id)
  resolve()
  assert.not.ok(await asked)
})

const exempt: { name: string; more: Partial<Login> }[] = [
  { name: 'root’s token', more: { kind: 'root', amr: ['file'] } },
  { name: 'the kiosk’s', more: { kind: 'cookie', amr: ticketAmr.kiosk } },
]
for (const { name, more } of exempt)
  test(`${name} does not ask login.allow`, async ({ house, kept }) => {
    const { accessToken } = await house.login('alice', more)
    kept.add('alice')
    house.clock.pass(60)
    assert.ok(await house.isGood(accessToken))
  })

test('nor does a browser that root’s token let in', async ({ house, kept }) => {
  const tickets = new Tickets({
    ...{ store: house.store, sessions: house.sessions, clock: house.clock, random: randomBytes },
    findAccount: async () => alice,
    mayLogIn: () => true,
    kioskUser: () => null,
  })
  const { accessToken } = await house.login('alice', { kind: 'root', amr: ['file'] })
  kept.add('alice')
  const answer = await tickets.spend(accessToken, { from: here, authenticated: null, confirmed: false, note: () => {} })
  assert.ok(answer.ok)
  assert.ok(await house.isGood(answer.value.accessToken))
})

test('the kiosk’s session ends with its account all the same', async ({ house }) => {
  const { accessToken } = await house.login('alice', { kind: 'cookie', amr: ticketAmr.kiosk })
  house.accounts.delete('alice')
  house.clock.pass(60)
  assert.not.ok(await house.isGood(accessToken))
})

test('root’s token needs no look-up', async ({ house, directory }) => {
  const { accessToken } = await house.login('alice', { kind: 'root', amr: ['file'] })
  house.clock.pass(60)
  assert.ok(await house.isGood(accessToken))
  assert.is(directory.looks, 0)
})

test('after a restart the account is looked up at the first use', async ({ house }) => {
  const { accessToken } = await house.login('alice', { kind: 'cookie' })
  house.accounts.delete('alice')
  await house.restart()
  assert.not.ok(await house.isGood(accessToken))
})

test.run()
