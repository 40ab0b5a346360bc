/** Who a token stands for, and from where: the keeper judges it itself, whatever a gate has judged before. */
import { decodeJwt } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IssuedTokens } from '../../../server/keeper/session/sessions.ts'
import { createHouse, type House, here } from './house.ts'

const test = suite<{ house: House }>('keeper/session resolve')
test.before.each(async context => {
  context.house = await createHouse()
})
test.after.each(({ house }) => house.close())

function holderOf({ accessToken, session }: IssuedTokens) {
  const { jti = '', sub = '' } = decodeJwt(accessToken)
  return { jti, session: session.id, identity: sub }
}

test('a cookie is good from the uid that it is bound to, and from no other', async ({ house }) => {
  const { accessToken } = await house.login('alice', { kind: 'cookie' })
  assert.ok(await house.isGood(accessToken))
  for (const uid of [1001, 0, null])
    assert.not.ok(await house.isGood(accessToken, { ...here, uid, source: `uid:${uid}` }), `uid ${uid}`)
})

test("root's token is good from this machine, and others' from everywhere", async ({ house }) => {
  const far = { ...here, local: false, uid: null, source: 'ip:192.0.2.7' }
  const root = await house.login('alice', { kind: 'root' })
  assert.ok(await house.isGood(root.accessToken))
  assert.not.ok(await house.isGood(root.accessToken, far))
  const alice = await house.login('alice')
  assert.ok(await house.isGood(alice.accessToken, far))
})

test('a token stands for its own session and its own identity', async ({ house }) => {
  const alice = holderOf(await house.login('alice'))
  const again = holderOf(await house.login('alice'))
  const bob = holderOf(await house.login('bob'))
  const isGood = async (holder: typeof alice) => (await house.sessions.resolveHolder(holder, here)) !== null
  assert.ok(await isGood(alice))
  assert.not.ok(await isGood({ ...alice, session: again.session }))
  assert.not.ok(await isGood({ ...alice, identity: bob.identity }))
  assert.not.ok(await isGood({ ...alice, jti: bob.jti }))
  assert.not.ok(await isGood({ ...alice, identity: '999' }))
})

test.run()
