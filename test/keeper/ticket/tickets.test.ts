/** Tickets: what they buy, once, and what leaves them good. */
import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Authenticated, Facts } from '../../../server/keeper/caller.ts'
import type { Ticket } from '../../../server/keeper/store/ticket.ts'
import { Tickets } from '../../../server/keeper/ticket/tickets.ts'
import type { From } from '../../../server/link/message.ts'
import { createHouse, found, type House, here } from '../session/house.ts'

interface Context {
  house: House
  tickets: Tickets
  /** Names that `login.allow` keeps out. */
  kept: Set<string>
  kiosk: { user: string | null }
}

const test = suite<Context>('keeper/ticket/tickets')
test.before.each(async context => {
  const house = await createHouse()
  const [kept, kiosk] = [new Set<string>(), { user: null }]
  const tickets = new Tickets({
    store: house.store,
    sessions: house.sessions,
    clock: house.clock,
    random: randomBytes,
    findAccount: async name => house.accounts.get(name) ?? null,
    mayLogIn: ({ name }) => !kept.has(name),
    kioskUser: () => kiosk.user,
  })
  Object.assign(context, { house, tickets, kept, kiosk })
})
test.after.each(({ house }) => house.close())

async function make({ house, tickets }: Context, more: Partial<Ticket> = {}, name = 'alice'): Promise<string> {
  const { id: identity } = await house.identity(name)
  const wanted = {
    identity,
    kind: 'link',
    roleCap: null,
    boundUid: null,
    madeBy: null,
    ttlMs: 60_000,
    ...more,
  } as const
  return found(await tickets.create(wanted))
}

interface Attempt {
  readonly from?: From
  readonly authenticated?: Authenticated | null
  readonly confirmed?: boolean
  readonly facts?: Facts[]
}

function spend({ tickets }: Context, text: string, attempt: Attempt = {}) {
  const { from = here, authenticated = null, confirmed = false, facts = [] } = attempt
  return tickets.spend(text, { from, authenticated, confirmed, note: told => facts.push(told) })
}

async function authenticated({ house }: Context, name: string): Promise<Authenticated> {
  const { accessToken } = await house.login(name, { kind: 'cookie' })
  return found(await house.sessions.resolve(accessToken, here))
}

test('begins a new cookie session of its identity, bound to the uid that came, marked as made by a ticket', async context => {
  const answer = await spend(context, await make(context))
  assert.ok(answer.ok)
  const { identity, session, accessToken } = answer.value
  assert.is(identity.name, 'alice')
  assert.equal([session.kind, session.boundUid, session.roleCap], ['cookie', 1000, null])
  assert.equal(session.amr, ['ticket'])
  assert.ok(await context.house.isGood(accessToken))
  assert.not.ok(await context.house.isGood(accessToken, { ...here, uid: 1001 }))
})

test('caps the session to the role that was asked for', async context => {
  const answer = await spend(context, await make(context, { roleCap: 'viewer' }))
  assert.ok(answer.ok)
  assert.is(answer.value.session.roleCap, 'viewer')
})

test('of fifty who spend it at the same instant, exactly one wins', async context => {
  const text = await make(context)
  const answers = await Promise.all(Array.from({ length: 50 }, () => spend(context, text)))
  assert.is(answers.filter(({ ok }) => ok).length, 1)
})

test('the store holds a hash, and not what the link carries', async context => {
  const text = await make(context)
  assert.not.match(JSON.stringify(await context.house.store.tickets.list()), text)
})

const refusals: {
  name: string
  more?: Partial<Ticket>
  attempt?: Attempt
  before?: (context: Context) => void
  why: string
}[] = [
  { name: 'from elsewhere', attempt: { from: { ...here, local: false } }, why: 'not_local' },
  { name: 'by another uid than it is bound to', more: { boundUid: 1001 }, why: 'wrong_uid' },
  {
    name: 'by an unknown uid, when it is bound to one',
    more: { boundUid: 1001 },
    attempt: { from: { ...here, uid: null } },
    why: 'wrong_uid',
  },
  { name: 'when login.allow keeps the account out', before: ({ kept }) => kept.add('alice'), why: 'account_refused' },
  { name: 'when the account is gone', before: ({ house }) => house.accounts.delete('alice'), why: 'account_refused' },
  {
    name: 'when the name belongs to another uid now',
    before: ({ house }) => house.accounts.set('alice', { name: 'alice', uid: 4000, gid: 4000, groups: [] }),
    why: 'account_refused',
  },
  { name: 'of a kiosk that is none any more', more: { kind: 'kiosk' }, why: 'account_refused' },
]

for (const { name, more, attempt = {}, before, why } of refusals) {
  test(`refuses a ticket ${name}, and does not spend it`, async context => {
    const text = await make(context, more)
    before?.(context)
    const facts: Facts[] = []
    const answer = await spend(context, text, { ...attempt, facts })
    assert.not.ok(answer.ok)
    assert.equal(facts, [{ reason: why }])
    assert.ok(await context.tickets.isUnspent(text))
  })
}

test('refuses what is no ticket, and one whose time is over', async context => {
  for (const text of ['x', 'A'.repeat(43), 'a.b.c']) assert.is((await spend(context, text)).ok, false)
  const text = await make(context, { ttlMs: 60_000 })
  context.house.clock.pass(60)
  const facts: Facts[] = []
  assert.is((await spend(context, text, { facts })).ok, false)
  assert.equal(facts, [{ reason: 'ticket_over' }])
})

test('one without a time is good for ever, and login.allow is not asked for the kiosk', async context => {
  context.kept.add('alice')
  context.kiosk.user = 'alice'
  const text = await make(context, { kind: 'kiosk', ttlMs: null })
  context.house.clock.pass(365 * 24 * 3600)
  const answer = await spend(context, text)
  assert.equal(answer.ok && answer.value.session.amr, ['ticket', 'kiosk'])
})

test("root's token stands in for a ticket as often as it is good, and no other token does", async context => {
  const root = await context.house.login('alice', { kind: 'root' })
  for (let time = 0; time < 2; time += 1) {
    const answer = await spend(context, root.accessToken)
    assert.ok(answer.ok)
    assert.is(answer.value.session.kind, 'cookie')
  }
  for (const kind of ['token', 'cookie'] as const) {
    const { accessToken } = await context.house.login('alice', { kind })
    assert.is((await spend(context, accessToken)).ok, false)
  }
})

test('asks who is signed in as somebody else, without spending it; then their session ends', async context => {
  const bob = await authenticated(context, 'bob')
  const text = await make(context)
  const asked = await spend(context, text, { authenticated: bob })
  assert.equal(asked.ok ? null : [asked.reason, asked.more], ['somebody_else', { user: 'bob', instead_of: 'alice' }])
  assert.ok((await spend(context, text, { authenticated: bob, confirmed: true })).ok)
  assert.is(await context.house.store.sessions.find(bob.session.id), null)
})

const strange: [name: string, more: (session: string) => Partial<Ticket>, from: From, isAsked: boolean][] = [
  ['made by somebody for another account', madeBy => ({ madeBy }), { ...here, uid: 1001 }, true],
  ['made by somebody, opened by who knows whom', madeBy => ({ madeBy }), { ...here, uid: null }, true],
  ['made by somebody for the account that opens it', madeBy => ({ madeBy }), here, false],
  ['made by somebody for that uid alone', madeBy => ({ madeBy, boundUid: 1001 }), { ...here, uid: 1001 }, false],
  ['made by root', () => ({ madeBy: null }), { ...here, uid: 1001 }, false],
]
for (const [name, more, from, isAsked] of strange)
  test(`nobody is signed in: a link ${name} ${isAsked ? 'asks first' : 'signs in'}`, async context => {
    const { session } = await context.house.login('bob')
    const text = await make(context, more(session.id))
    const answer = await spend(context, text, { from })
    assert.is(answer.ok, !isAsked)
    if (answer.ok) return
    assert.equal([answer.reason, answer.more], ['somebody_else', { user: null, instead_of: 'alice' }])
    assert.ok((await spend(context, text, { from, confirmed: true })).ok)
  })

test('who is signed in already gets a new session, and the former one ends', async context => {
  const alice = await authenticated(context, 'alice')
  const answer = await spend(context, await make(context), { authenticated: alice })
  assert.ok(answer.ok)
  assert.is.not(answer.value.session.id, alice.session.id)
  assert.is(await context.house.store.sessions.find(alice.session.id), null)
})

test('who ends all sessions of an identity ends its links', async context => {
  const [text, other] = [await make(context), await make(context, {}, 'bob')]
  await context.house.sessions.endAll((await context.house.identity('alice')).id, null)
  assert.not.ok(await context.tickets.isUnspent(text))
  assert.ok(await context.tickets.isUnspent(other))
})

test('a link ends with the session that made it, however that ends', async context => {
  const { house, tickets } = context
  const ends = [
    (id: string) => house.sessions.end(id),
    async () => house.sessions.endAll((await house.identity('bob')).id, null),
    async () => {
      house.clock.pass(365 * 24 * 3600)
      await house.sessions.sweep()
    },
  ]
  for (const end of ends) {
    const { session } = await house.login('bob')
    const [text, other] = [await make(context, { madeBy: session.id, ttlMs: null }), await make(context)]
    await end(session.id)
    assert.not.ok(await tickets.isUnspent(text))
    assert.ok(await tickets.isUnspent(other))
  }
})

test('no link comes to be for a session that ended meanwhile', async context => {
  const { session } = await context.house.login('bob')
  await context.house.sessions.end(session.id)
  await make(context, { madeBy: session.id }).then(
    () => assert.unreachable(),
    (fault: Error) => assert.match(fault.message, /FOREIGN KEY/),
  )
})

test('there are a hundred of one identity at most, and those whose time is over make room', async context => {
  const { id: identity } = await context.house.identity('alice')
  const wanted = { identity, kind: 'link', roleCap: null, boundUid: null, madeBy: null, ttlMs: 1000 } as const
  for (let count = 0; count < 100; count += 1) assert.ok(await context.tickets.create(wanted))
  assert.is(await context.tickets.create(wanted), null)
  assert.ok(await context.tickets.create({ ...wanted, identity: (await context.house.identity('bob')).id }))
  context.house.clock.pass(2)
  await context.tickets.sweep()
  assert.ok(await context.tickets.create(wanted))
})

test('there are a thousand at most', async ({ house, tickets }) => {
  for (let at = 0; at <= 10; at += 1)
    house.accounts.set(`u${at}`, { name: `u${at}`, uid: 5000 + at, gid: 5000 + at, groups: [] })
  const create = async (at: number) => {
    const { id: identity } = await house.identity(`u${at}`)
    return tickets.create({ identity, kind: 'link', roleCap: null, boundUid: null, madeBy: null, ttlMs: 1000 })
  }
  for (let at = 0; at < 1000; at += 1) assert.ok(await create(at % 10))
  assert.is(await create(10), null)
})

test.run()
