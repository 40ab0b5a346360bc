/** The signing operations: the keys as they are shown, in pages. */
import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../../server/keeper/caller.ts'
import { signingHandlers } from '../../../server/keeper/signing/handlers.ts'
import { SigningKeys } from '../../../server/keeper/signing/keys.ts'
import { here } from '../session/house.ts'
import { createMovableClock } from '../session/movable-clock.ts'

const test = suite('keeper/signing handlers')
const caller: Caller = {
  ...{ door: 'gate', from: here, authenticated: null, signal: new AbortController().signal, note: () => {} },
}

async function createHandlers(rotations: number, more: { algorithm?: 'HS256'; secret?: Buffer } = {}) {
  const keys = await SigningKeys.open({
    ...{ algorithm: 'EdDSA', directory: null, secret: null, overlapMs: 1000_000, random: randomBytes, ...more },
    clock: createMovableClock(),
  })
  const handlers = signingHandlers({ keys, tellGates: async () => {} })
  for (let count = 0; count < rotations; count += 1) await handlers['signing.rotate']({}, caller)
  const list = async (input: { limit?: number; cursor?: string }) => {
    const answer = await handlers['signing.list'](input, caller)
    return answer.ok ? answer.value : { items: [], next: answer.reason }
  }
  return { keys, handlers, list }
}

test('of several keys one is active: the one that signs', async () => {
  const { keys, list } = await createHandlers(2)
  const { items } = await list({})
  assert.is(items.length, 3)
  assert.equal(
    items.filter(({ active }) => active).map(({ kid }) => kid),
    [keys.active.kid],
  )
})

test('the keys come in pages, each once, to the end', async () => {
  const { keys, list } = await createHandlers(4)
  const first = await list({ limit: 2 })
  const second = await list({ limit: 2, cursor: first.next ?? '' })
  const third = await list({ limit: 2, cursor: second.next ?? '' })
  assert.equal(
    [first, second, third].map(({ items }) => items.length),
    [2, 2, 1],
  )
  assert.is(third.next, null)
  assert.equal(
    [first, second, third].flatMap(({ items }) => items.map(({ kid }) => kid)),
    keys.list().map(({ kid }) => kid),
  )
  assert.is((await list({ cursor: 'x' })).next, 'invalid_input')
})

test('a shared secret is not rotated here', async () => {
  const { handlers } = await createHandlers(0, { algorithm: 'HS256', secret: randomBytes(32) })
  const answer = await handlers['signing.rotate']({}, caller)
  assert.is(answer.ok ? 'ok' : answer.reason, 'conflict')
})

test.run()
