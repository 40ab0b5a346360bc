/** Refresh tokens: rotation, reuse, and the answer that was lost (RFC 9700 §4.14.2). */
import { decodeJwt } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IssuedTokens } from '../../../server/keeper/session/sessions.ts'
import type { Grant } from '../../../server/keeper/store/grant.ts'
import type { From } from '../../../server/link/message.ts'
import { createHouse, day, type House, here, hour } from './house.ts'

const test = suite<{ house: House }>('keeper/session refresh')
test.before.each(async context => {
  context.house = await createHouse()
})
test.after.each(({ house }) => house.close())

const elsewhere: From = { ...here, source: 'ip:192.0.2.1', local: false, uid: null }

/** The tokens of a refresh; throws when it is refused. */
async function refresh(house: House, tokens: IssuedTokens, from = here): Promise<IssuedTokens> {
  const next = await house.sessions.refresh(tokens.refreshToken ?? '', from)
  if (next === null) throw new Error('the refresh was refused')
  return next
}

async function isRefused(house: House, tokens: IssuedTokens, from = here): Promise<boolean> {
  return (await house.sessions.refresh(tokens.refreshToken ?? '', from)) === null
}

async function hasEnded(house: House, { session }: IssuedTokens): Promise<boolean> {
  return (await house.store.sessions.find(session.id)) === null
}

test('a refresh gives new tokens for the same session', async ({ house }) => {
  const first = await house.login('alice')
  const second = await refresh(house, first)
  assert.is(second.session.id, first.session.id)
  assert.is.not(second.refreshToken, first.refreshToken)
  assert.is.not(second.accessToken, first.accessToken)
  assert.ok(await house.isGood(second.accessToken))
})

test('the former access token goes on until its own end', async ({ house }) => {
  const first = await house.login('alice')
  await refresh(house, first)
  assert.ok(await house.isGood(first.accessToken))
  house.clock.pass(hour)
  assert.not.ok(await house.isGood(first.accessToken))
})

test('the store holds no refresh token, only its hash', async ({ house }) => {
  const { refreshToken } = await house.login('alice')
  assert.match(refreshToken ?? '', /^[A-Za-z0-9_-]{43}$/)
  assert.is(await house.store.grants.findByRefreshHash(refreshToken ?? ''), null)
})

test('reuse of a spent token ends the session, its new tokens too', async ({ house }) => {
  const first = await house.login('alice')
  const second = await refresh(house, first)
  house.clock.pass(11)
  assert.ok(await isRefused(house, first))
  assert.ok(await hasEnded(house, first))
  assert.not.ok(await house.isGood(second.accessToken))
  assert.ok(await isRefused(house, second))
  assert.equal(house.forgotten, [{ session: first.session.id }])
})

test('a lost answer is given again within 10 s to the same source', async ({ house }) => {
  const first = await house.login('alice')
  await refresh(house, first)
  house.clock.pass(9.9)
  const again = await refresh(house, first)
  assert.ok(await house.isGood(again.accessToken))
  assert.ok(await refresh(house, again))
})

test('a lost answer can be asked for twice, but 10 s count from the first use', async ({ house }) => {
  const first = await house.login('alice')
  await refresh(house, first)
  house.clock.pass(6)
  await refresh(house, first)
  house.clock.pass(6)
  assert.ok(await isRefused(house, first))
  assert.ok(await hasEnded(house, first))
})

test('what is given again replaces what was lost: its access and refresh token are dead, in the gates too', async ({
  house,
}) => {
  const first = await house.login('alice')
  const lost = await refresh(house, first)
  const again = await refresh(house, first)
  assert.not.ok(await house.isGood(lost.accessToken))
  assert.equal(house.forgotten, [{ session: first.session.id }])
  assert.ok(await isRefused(house, lost))
  assert.ok(await house.isGood(again.accessToken))
})

const reuses: [name: string, between: (house: House, next: IssuedTokens) => unknown, from: From][] = [
  ['after 10 s', house => house.clock.pass(10), here],
  ['from another source', () => {}, elsewhere],
  ['when the new access token was used', (house, next) => house.isGood(next.accessToken), here],
  ['when the new refresh token was used', (house, next) => refresh(house, next), here],
  ['when the new tokens are of a former run, of which nothing is known', house => house.restart(), here],
]
for (const [name, between, from] of reuses)
  test(`it is no lost answer ${name}: the session ends`, async ({ house }) => {
    const first = await house.login('alice')
    const next = await refresh(house, first)
    await between(house, next)
    assert.ok(await isRefused(house, first, from))
    assert.ok(await hasEnded(house, first))
  })

test('the first use decides which source may ask again, not the last', async ({ house }) => {
  const first = await house.login('alice')
  await refresh(house, first, elsewhere)
  assert.ok(await refresh(house, first, elsewhere))
  assert.ok(await isRefused(house, first, here))
  assert.ok(await hasEnded(house, first))
})

test('of many uses of one token at the same instant one pair of tokens survives', async ({ house }) => {
  const first = await house.login('alice')
  const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(house, first)))
  const good = await Promise.all(answers.map(({ accessToken }) => house.isGood(accessToken)))
  assert.is(good.filter(Boolean).length, 1)
})

test('a token and its successor used at the same instant leave one line of tokens, not two', async ({ house }) => {
  const first = await house.login('alice')
  const second = await refresh(house, first)
  const both = [first, second].map(({ refreshToken }) => house.sessions.refresh(refreshToken ?? '', here))
  const answers = await Promise.all(both)
  const good = await Promise.all(answers.map(async one => one !== null && (await house.isGood(one.accessToken))))
  assert.ok(good.filter(Boolean).length <= 1)
})

test('a refresh while the session is ended is refused, and brings nothing back', async ({ house }) => {
  const first = await house.login('alice')
  const [refreshed] = await Promise.all([
    house.sessions.refresh(first.refreshToken ?? '', here),
    house.sessions.end(first.session.id),
  ])
  assert.ok(await hasEnded(house, first))
  if (refreshed !== null) assert.not.ok(await house.isGood(refreshed.accessToken))
})

const nobodys = ['', 'x', 'A'.repeat(43), 'ü'.repeat(43)]
for (const token of nobodys)
  test(`refuses ${JSON.stringify(token.slice(0, 8))}, which nobody was given`, async ({ house }) => {
    await house.login('alice')
    assert.is(await house.sessions.refresh(token, here), null)
  })

test('an access token is no refresh token, and the reverse', async ({ house }) => {
  const { accessToken, refreshToken } = await house.login('alice')
  assert.is(await house.sessions.refresh(accessToken, here), null)
  assert.not.ok(await house.isGood(refreshToken ?? ''))
})

test('a cookie session and root’s token have no refresh token', async ({ house }) => {
  assert.is((await house.login('alice', { kind: 'cookie' })).refreshToken, null)
  assert.is((await house.login('alice', { kind: 'root' })).refreshToken, null)
})

test('a refresh token ends after refresh_seconds', async ({ house }) => {
  const first = await house.login('alice')
  house.clock.pass(7 * day - 1)
  const second = await refresh(house, first)
  house.clock.pass(7 * day)
  assert.ok(await isRefused(house, second))
})

test('refreshing goes on to max_seconds after the login and no further', async ({ house }) => {
  let tokens = await house.login('alice')
  for (let passed = 0; passed + 6 < 30; passed += 6) {
    house.clock.pass(6 * day)
    tokens = await refresh(house, tokens)
  }
  house.clock.pass(6 * day - 1)
  const last = await refresh(house, tokens)
  assert.ok(await house.isGood(last.accessToken))
  house.clock.pass(1)
  assert.not.ok(await house.isGood(last.accessToken))
  assert.ok(await isRefused(house, last))
})

test('a renewed access token lives as long as the login asked for', async ({ house }) => {
  const first = await house.login('alice', { expiresMs: 60_000 })
  const second = await refresh(house, first)
  assert.is(second.expiresMs, 60_000)
})

test('groups are read again', async ({ house }) => {
  const first = await house.login('alice')
  house.accounts.set('alice', { name: 'alice', uid: 1000, gid: 1000, groups: ['sudo'] })
  const second = await refresh(house, first)
  assert.equal(second.identity.groups, ['sudo'])
  assert.equal((await house.sessions.resolve(second.accessToken, here))?.roles, ['sudo'])
  assert.equal(house.forgotten, [{ identity: second.identity.id }])
})

test('an account that is gone has no refresh, and its session ends', async ({ house }) => {
  const first = await house.login('alice')
  house.accounts.delete('alice')
  assert.ok(await isRefused(house, first))
  assert.ok(await hasEnded(house, first))
})

test('a re-created account of the name is somebody else', async ({ house }) => {
  const first = await house.login('alice')
  house.accounts.set('alice', { name: 'alice', uid: 1234, gid: 1234, groups: [] })
  assert.ok(await isRefused(house, first))
  assert.ok(await hasEnded(house, first))
})

test('who may no longer log in may no longer refresh', async () => {
  let isAllowed = true
  const house = await createHouse({ mayLogIn: () => isAllowed })
  try {
    const second = await refresh(house, await house.login('alice'))
    isAllowed = false
    assert.ok(await isRefused(house, second))
    assert.ok(await hasEnded(house, second))
  } finally {
    await house.close()
  }
})

test('10,000 refreshes of one session keep a bounded number of grants', async ({ house }) => {
  const first = await house.login('alice')
  const { grants } = house.store
  const counted: number[] = []
  let former = decodeJwt(first.accessToken).jti ?? ''
  for (let at = 0; at < 30; at += 1) {
    const issued = { wallMs: 0, boot: 'x', monotonicMs: at }
    const next: Grant = {
      ...{ jti: `jti-${at}`, session: first.session.id, issued, accessMs: 1 },
      ...{ refreshHash: `hash-${at}`, refreshMs: 1, spent: null },
    }
    assert.ok(await grants.rotate(former, { at: issued, source: 'x' }, next, null))
    former = next.jti
    await grants.prune(first.session.id, 10)
    counted.push(
      (await Promise.all(Array.from({ length: 30 }, (_, n) => grants.find(`jti-${n}`)))).filter(Boolean).length,
    )
  }
  assert.is(Math.max(...counted), 10)
  assert.is(await grants.find('jti-0'), null)
  assert.ok(await grants.find('jti-29'))
})

test('the trail hears of a token that was used twice, not of one that never was', async ({ house }) => {
  const heard: object[] = []
  const tell = (facts: object) => void heard.push(facts)
  const first = await house.login('alice')
  await house.sessions.refresh(first.refreshToken ?? '', here)
  house.clock.pass(60)
  assert.is(await house.sessions.refresh('made-up', here, tell), null)
  assert.is(await house.sessions.refresh(first.refreshToken ?? '', here, tell), null)
  const session = { session: first.session.id, identity: first.identity.id }
  assert.equal(heard, [{ reason: 'no_such_refresh_token' }, { reason: 'refresh_token_reused', ...session }])
})

test.run()
