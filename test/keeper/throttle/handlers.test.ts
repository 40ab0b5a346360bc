/** The throttle operations: who waits, in pages, and letting them go. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../../server/keeper/caller.ts'
import { throttleHandlers } from '../../../server/keeper/throttle/handlers.ts'
import { parseSource } from '../../../server/keeper/throttle/source.ts'
import { createThrottle, DEFAULT_THROTTLE_LIMITS } from '../../../server/keeper/throttle/throttle.ts'
import { here } from '../session/house.ts'
import { createFakeTime } from './fake-time.ts'

const test = suite('keeper/throttle handlers')
const caller: Caller = {
  ...{ door: 'gate', from: here, authenticated: null, signal: new AbortController().signal, note: () => {} },
}

/** Handlers of a throttle that saw four failed logins of each of these. */
async function createHandlers(addresses: readonly string[]) {
  const { clock, timer } = createFakeTime()
  const throttle = createThrottle({ clock, timer, limits: { ...DEFAULT_THROTTLE_LIMITS, burst: 1000 } })
  for (const address of addresses)
    for (let failures = 0; failures < 4; failures += 1) {
      const answer = await throttle.begin({ source: parseSource(address), account: 'alice', local: false })
      if (answer.ok) answer.attempt.settle('failed')
    }
  const handlers = throttleHandlers({ throttle, clock })
  const list = async (input: { limit?: number; cursor?: string }) => {
    const answer = await handlers['throttle.list'](input, caller)
    return answer.ok ? answer.value : { items: [], next: answer.reason }
  }
  return { handlers, list }
}

const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
const sourcesOf = ({ items }: { items: readonly { source: string | null }[] }) =>
  items.flatMap(({ source }) => source?.replace(/^ip:/, '') ?? [])

test('a source that has to wait is shown with whom it tried and for how long', async () => {
  const { list } = await createHandlers(['192.0.2.1'])
  const [shown] = (await list({})).items
  assert.equal([shown?.source, shown?.account, shown?.failures, shown?.retry_after], ['ip:192.0.2.1', 'alice', 4, 5])
  assert.ok(shown?.blocked_until)
})

test('those who wait come in pages, each once, to the end', async () => {
  const { list } = await createHandlers(addresses)
  const first = await list({ limit: 2 })
  const second = await list({ limit: 200, cursor: first.next ?? '' })
  assert.equal([first.items.length, first.next, second.next], [2, '2', null])
  assert.equal([...sourcesOf(first), ...sourcesOf(second)].sort(), addresses)
  assert.is((await list({ cursor: '-1' })).next, 'invalid_input')
})

test('a source is let go by its name as people write it, and the others are not', async () => {
  const { handlers, list } = await createHandlers([...addresses, '2001:db8::1'])
  const answer = await handlers['throttle.clear']({ source: '2001:db8::1' }, caller)
  assert.is(answer.ok && answer.value.cleared, 1)
  assert.equal(sourcesOf(await list({})).sort(), addresses)
})

test.run()
