/** How failures at the throttle come to the store and back, also when the disk was full for a while. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createThrottleSaver, restoreThrottle } from '../../server/keeper/maintenance.ts'
import { StorageFull } from '../../server/keeper/store/store.ts'
import type { Throttle } from '../../server/keeper/throttle/throttle.ts'
import { hour } from './session/house.ts'
import { createUpkeep, failOnce, makeThrottle, type Upkeep } from './upkeep.ts'

const test = suite<Upkeep>('keeper/maintenance-throttle')
test.before.each(async context => {
  Object.assign(context, await createUpkeep())
})
test.after.each(async ({ house, audit }) => {
  await audit.close()
  await house.close()
})

const failuresOf = (throttle: Throttle) => throttle.list().sources.map(({ source, failures }) => [source, failures])

test('failures at the throttle are in the store after a round, and gone from it once forgotten', async context => {
  const { house, rounds, throttle, start } = context
  const stop = await start()
  await failOnce(throttle, '192.0.2.1')
  await failOnce(throttle, '192.0.2.1')
  await rounds.run()
  const next = makeThrottle(house)
  await restoreThrottle(next, house.store)
  assert.equal(failuresOf(next), [['ip:192.0.2.1', 2]])
  house.clock.pass(hour)
  await rounds.run()
  assert.equal(await house.store.throttle.load(), [])
  await stop()
})

test('failures that could not be saved are saved later, as they are by then', async ({ house, throttle }) => {
  let isFull = true
  const { throttle: rows } = house.store
  let saves = 0
  const save: typeof rows.save = async list => {
    saves += 1
    if (isFull) throw new StorageFull('the store is full')
    await rows.save(list)
  }
  const saveThrottle = createThrottleSaver(throttle, { throttle: { ...rows, save } })
  const expectFull = async () => {
    const fault = await saveThrottle().catch((thrown: unknown) => thrown)
    assert.instance(fault, StorageFull)
  }
  await failOnce(throttle, '192.0.2.1')
  await failOnce(throttle, '192.0.2.2')
  await expectFull()
  await failOnce(throttle, '192.0.2.1')
  await expectFull()
  throttle.clear({ source: 'ip:192.0.2.2' })
  await expectFull()
  isFull = false
  await saveThrottle()
  await saveThrottle()
  assert.is(saves, 4, 'nothing is written twice')
  const next = makeThrottle(house)
  await restoreThrottle(next, house.store)
  assert.equal(failuresOf(next), [['ip:192.0.2.1', 2]])
})

test('strangers who come and go while the disk is full do not pile up, and no failure is lost', async ({ house }) => {
  const saved: number[] = []
  let isFull = true
  let round = 0
  const row = { kind: 'source', key: '192.0.2.1', bootId: 'boot-1', savedMs: 1, state: '{}' } as const
  const takeChanges = () => {
    round += 1
    const remove = Array.from({ length: 70_000 }, (_, at) => ({ kind: 'source' as const, key: `${round} ${at}` }))
    return round === 1 ? { put: [row], remove } : { put: [], remove: round < 5 ? remove : [] }
  }
  const save = async (rows: readonly { key: string; row: string | null }[]) => {
    saved.push(rows.length)
    if (isFull) throw new StorageFull('the store is full')
    assert.ok(rows.some(({ key, row: text }) => key === 'source 192.0.2.1' && text === JSON.stringify(row)))
  }
  const saveThrottle = createThrottleSaver({ takeChanges }, { throttle: { ...house.store.throttle, save } })
  for (let count = 0; count < 4; count += 1) await saveThrottle().catch(() => {})
  assert.ok(Math.max(...saved) <= 131_072, `${saved}`)
  isFull = false
  await saveThrottle()
})

test.run()
