/** How long sessions and their tokens last, by clocks that are set, jump and start anew. */
import { decodeJwt } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { instantNow } from '../../../server/keeper/instant.ts'
import { sessionRemainingMs } from '../../../server/keeper/session/rule.ts'
import type { Login } from '../../../server/keeper/session/sessions.ts'
import { createHouse, day, type House, here, hour } from './house.ts'
import { noonMs } from './movable-clock.ts'

const test = suite<{ house: House }>('keeper/session lifetime')
test.before.each(async context => {
  context.house = await createHouse()
})
test.after.each(({ house }) => house.close())

const minute = 60

const ends: [name: string, login: Partial<Login>, access: number, session: number][] = [
  ['a login', {}, hour, 7 * day],
  ['a login that asks for a minute', { expiresMs: minute * 1000 }, minute, 7 * day],
  ['a login that asks for 10 days', { expiresMs: 10 * day * 1000 }, 10 * day, 10 * day],
  ['a login that asks for more than max_seconds', { expiresMs: 99 * day * 1000 }, 30 * day, 30 * day],
  ['root’s token', { kind: 'root' }, hour, hour],
]
for (const [name, login, access, session] of ends)
  test(`${name} gives an access token of ${access} s in a session of ${session} s`, async ({ house }) => {
    const tokens = await house.login('alice', login)
    assert.is(tokens.expiresMs, access * 1000)
    assert.is(sessionRemainingMs(tokens.session, house.clock), session * 1000)
    house.clock.pass(access - 1)
    assert.ok(await house.isGood(tokens.accessToken))
    house.clock.pass(1)
    assert.not.ok(await house.isGood(tokens.accessToken))
  })

const cookies: [name: string, expires: number | undefined, lifetime: number][] = [
  ['a day', undefined, day],
  ['a minute when asked for', minute, minute],
  ['10 days when asked for', 10 * day, 10 * day],
  ['max_seconds at most', 99 * day, 30 * day],
]
for (const [name, expires, lifetime] of cookies)
  test(`a cookie session that is used lasts ${name}`, async ({ house }) => {
    const expiresMs = expires === undefined ? undefined : expires * 1000
    const { accessToken, session } = await house.login('alice', { kind: 'cookie', expiresMs })
    const { iat = 0, exp = 0 } = decodeJwt(accessToken)
    assert.is(exp - iat, lifetime)
    for (let passed = 0; passed < lifetime; passed += hour) {
      assert.ok(await house.isGood(accessToken))
      await house.sessions.touch(session)
      house.clock.pass(Math.min(hour, lifetime - passed))
    }
    assert.not.ok(await house.isGood(accessToken))
  })

test('a cookie session that nobody uses ends after idle_seconds', async ({ house }) => {
  const { accessToken } = await house.login('alice', { kind: 'cookie' })
  house.clock.pass(8 * hour - 1)
  assert.ok(await house.isGood(accessToken))
  house.clock.pass(1)
  assert.not.ok(await house.isGood(accessToken))
})

test('a use puts the idle end off', async ({ house }) => {
  const { accessToken, session } = await house.login('alice', { kind: 'cookie' })
  house.clock.pass(7 * hour)
  await house.sessions.touch(session)
  house.clock.pass(7 * hour)
  assert.ok(await house.isGood(accessToken))
})

test('a session over can not be used again by a use that comes late', async ({ house }) => {
  const { accessToken } = await house.login('alice', { kind: 'cookie' })
  house.clock.pass(8 * hour)
  assert.is(await house.sessions.resolve(accessToken, here), null)
})

test('a token session has no idle end', async ({ house }) => {
  const { accessToken } = await house.login('alice', { expiresMs: 5 * day * 1000 })
  house.clock.pass(5 * day - 1)
  assert.ok(await house.isGood(accessToken))
})

test('the sweep ends what is over, in store and gates, and nothing else', async ({ house }) => {
  const over = await house.login('alice', { kind: 'cookie' })
  const live = await house.login('bob')
  house.clock.pass(8 * hour - 1)
  await house.sessions.sweep()
  assert.ok(await house.store.sessions.find(over.session.id))
  house.clock.pass(1)
  await house.sessions.sweep()
  assert.is(await house.store.sessions.find(over.session.id), null)
  assert.is(await house.store.grants.findByRefreshHash('x'), null)
  assert.ok(await house.store.sessions.find(live.session.id))
  assert.equal(house.forgotten, [{ session: over.session.id }])
})

const year1970 = Date.UTC(1970, 0, 1, 0, 5)
const jumps: [name: string, startMs: number, steps: readonly number[]][] = [
  ['from 1970 to now', year1970, [noonMs]],
  ['from now to 1970', noonMs, [year1970]],
  ['from 1970 to now and back', year1970, [noonMs, year1970]],
  ['a year ahead', noonMs, [noonMs + 365 * day * 1000]],
]
for (const [name, startMs, steps] of jumps) {
  test(`a wall clock that is set ${name} logs nobody out`, async ({ house }) => {
    house.clock.setWall(startMs)
    const bearer = await house.login('alice')
    const browser = await house.login('alice', { kind: 'cookie' })
    for (const wallMs of steps) {
      house.clock.setWall(wallMs)
      await house.sessions.sweep()
      assert.ok(await house.isGood(bearer.accessToken))
      assert.ok(await house.isGood(browser.accessToken))
    }
    assert.ok(await house.sessions.refresh(bearer.refreshToken ?? '', here))
  })

  test(`a wall clock that is set ${name} stretches nothing`, async ({ house }) => {
    house.clock.setWall(startMs)
    const bearer = await house.login('alice')
    const browser = await house.login('alice', { kind: 'cookie' })
    for (const wallMs of steps) house.clock.setWall(wallMs)
    house.clock.pass(hour)
    assert.not.ok(await house.isGood(bearer.accessToken))
    house.clock.pass(7 * hour)
    assert.not.ok(await house.isGood(browser.accessToken))
    house.clock.pass(7 * day)
    assert.is(await house.sessions.refresh(bearer.refreshToken ?? '', here), null)
  })
}

test('the 10 s of a lost answer are not stretched by a clock that is set back', async ({ house }) => {
  const first = await house.login('alice')
  await house.sessions.refresh(first.refreshToken ?? '', here)
  house.clock.pass(11)
  house.clock.setWall(noonMs - hour * 1000)
  assert.is(await house.sessions.refresh(first.refreshToken ?? '', here), null)
})

test('a restart of the daemon logs nobody out', async ({ house }) => {
  const bearer = await house.login('alice')
  const browser = await house.login('alice', { kind: 'cookie' })
  await house.restart()
  assert.ok(await house.isGood(bearer.accessToken))
  assert.ok(await house.isGood(browser.accessToken))
  assert.ok(await house.sessions.refresh(bearer.refreshToken ?? '', here))
})

test('across a boot the wall clock counts', async ({ house }) => {
  const { accessToken } = await house.login('alice')
  house.clock.pass(50 * minute)
  house.clock.reboot({ wallMs: house.clock.wallMs() + 5 * minute * 1000 })
  assert.ok(await house.isGood(accessToken))
  house.clock.pass(5 * minute)
  assert.not.ok(await house.isGood(accessToken))
})

test('across a boot the time that the machine was off counts', async ({ house }) => {
  const { accessToken } = await house.login('alice')
  house.clock.reboot({ wallMs: house.clock.wallMs() + 2 * hour * 1000 })
  assert.not.ok(await house.isGood(accessToken))
})

test('monotonic time of another boot is not compared with this one’s', async ({ house }) => {
  const { accessToken } = await house.login('alice')
  // More uptime than at the login, although only a minute has passed.
  house.clock.reboot({ wallMs: house.clock.wallMs() + minute * 1000, uptimeSeconds: 30 })
  assert.ok(await house.isGood(accessToken))
})

test('a clock set back across a boot does not give a session more than its whole life again', async ({ house }) => {
  const { accessToken } = await house.login('alice')
  house.clock.pass(50 * minute)
  house.clock.reboot({ wallMs: year1970 })
  house.clock.pass(hour)
  assert.not.ok(await house.isGood(accessToken))
})

test('a clock that starts at 1970 after a boot and is then set logs nobody out whose time is not over', async ({
  house,
}) => {
  const live = await house.login('alice', { expiresMs: 2 * day * 1000 })
  const over = await house.login('alice')
  const offMs = day * 1000
  const onMs = house.clock.wallMs() + offMs
  house.clock.reboot({ wallMs: year1970 })
  assert.ok(await house.isGood(live.accessToken))
  house.clock.setWall(onMs)
  assert.ok(await house.isGood(live.accessToken))
  assert.not.ok(await house.isGood(over.accessToken))
})

test('what was begun under a wrong clock survives the boot after the clock was set', async ({ house }) => {
  house.clock.setWall(year1970)
  const { accessToken } = await house.login('alice')
  house.clock.setWall(noonMs)
  await house.store.followWallClock(instantNow(house.clock))
  house.clock.reboot({ wallMs: noonMs + 5 * minute * 1000 })
  assert.ok(await house.isGood(accessToken))
  house.clock.pass(56 * minute)
  assert.not.ok(await house.isGood(accessToken))
})

test('following the wall clock leaves the instants of other boots alone', async ({ house }) => {
  const { session } = await house.login('alice')
  house.clock.reboot()
  await house.store.followWallClock(instantNow(house.clock))
  assert.equal((await house.store.sessions.find(session.id))?.began, session.began)
})

test('where the monotonic clock began anew within a boot, the wall clock counts for rules and sweep alike', async ({
  house,
}) => {
  const { accessToken, session } = await house.login('alice', { kind: 'cookie' })
  house.clock.reboot({ wallMs: house.clock.wallMs() + (8 * hour - 10) * 1000, isContainer: true })
  // Moved to where this run's clock would put it, it would have begun in the future.
  await house.store.followWallClock(instantNow(house.clock))
  assert.equal((await house.store.sessions.find(session.id))?.began, session.began)
  await house.sessions.sweep()
  assert.ok(await house.isGood(accessToken))
  house.clock.pass(10)
  assert.not.ok(await house.isGood(accessToken))
  await house.sessions.sweep()
  assert.is(await house.store.sessions.find(session.id), null)
})

test('the sweep and the rules agree across a boot', async ({ house }) => {
  const { session } = await house.login('alice', { kind: 'cookie' })
  house.clock.reboot({ wallMs: year1970, uptimeSeconds: 8 * hour - 1 })
  await house.sessions.sweep()
  assert.ok(await house.store.sessions.find(session.id))
  house.clock.pass(1)
  await house.sessions.sweep()
  assert.is(await house.store.sessions.find(session.id), null)
})

test('the id of a session is no option of a command line', async () => {
  const house = await createHouse({ random: size => Buffer.alloc(size, 0xfb) })
  try {
    const { session } = await house.login('alice')
    assert.match(session.id, /^_[\w-]{21}$/)
  } finally {
    await house.close()
  }
})

test.run()
