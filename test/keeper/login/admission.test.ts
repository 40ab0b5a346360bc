/** Places for PAM children: slow strangers do not keep the owner out. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createAdmission, type Lease } from '../../../server/keeper/login/admission.ts'
import { parseSource, type Source } from '../../../server/keeper/throttle/source.ts'
import { createFakeTime } from '../throttle/fake-time.ts'

const test = suite('login admission')
const limits = { children: 10, perSource: 2, keptForLocal: 2, retryAfterSeconds: 3 }
const owner = parseSource('198.51.100.1')
const strangerNumber = (n: number) => parseSource(`203.0.113.${n}`)

function make() {
  const time = createFakeTime()
  const admission = createAdmission({ clock: time.clock, limits })
  const evicted: string[] = []
  const ask = (source: Source, options: { local?: boolean; waiting?: boolean; name?: string } = {}): Lease | null => {
    const evict = () => void evicted.push(options.name ?? source)
    const answer = admission.acquire({ source, local: options.local ?? false, evict })
    if (answer.ok && options.waiting) answer.lease.setWaiting(true)
    return answer.ok ? answer.lease : null
  }
  return { time, admission, evicted, ask }
}

test('ten slow strangers, each from their own source, keep neither a local nor a remote owner out', async () => {
  const { time, admission, evicted, ask } = make()
  for (let n = 1; n <= 10; n++) {
    ask(strangerNumber(n), { waiting: true })
    await time.advance(1)
  }
  assert.is(admission.count().remote, 8)
  assert.ok(ask(parseSource(1000), { local: true }))
  assert.ok(ask(owner))
  assert.equal(evicted, [strangerNumber(1), strangerNumber(2), strangerNumber(3)])
})

test('ten slow strangers from one source have two places, and keep nobody out', () => {
  const { admission, evicted, ask } = make()
  for (let n = 0; n < 10; n++) ask(strangerNumber(1), { waiting: true })
  assert.is(admission.count().taken, 2)
  assert.is(evicted.length, 8)
  assert.ok(ask(owner))
  assert.ok(ask(parseSource(1000), { local: true }))
  assert.is(evicted.length, 8)
})

test('a source has two places, and no third while both compute', () => {
  const { ask } = make()
  assert.ok(ask(owner))
  assert.ok(ask(owner))
  assert.is(ask(owner), null)
})

test('a source that has all it may have loses its own longest-waiting conversation, nobody else theirs', async () => {
  const { time, evicted, ask } = make()
  ask(strangerNumber(9), { waiting: true, name: 'stranger' })
  await time.advance(1)
  ask(owner, { waiting: true, name: 'first' })
  await time.advance(1)
  ask(owner, { waiting: true, name: 'second' })
  assert.ok(ask(owner, { name: 'third' }))
  assert.equal(evicted, ['first'])
})

test('two places are kept for local requests even when every child computes', () => {
  const { ask } = make()
  for (let n = 1; n <= 8; n++) assert.ok(ask(strangerNumber(n)))
  assert.is(ask(owner), null)
  assert.ok(ask(parseSource(1000), { local: true }))
  assert.ok(ask(parseSource(1001), { local: true }))
  assert.is(ask(parseSource(1002), { local: true }), null)
})

test('there are never more children than may be, whoever holds them', () => {
  const { admission, evicted, ask } = make()
  for (let n = 0; n < 8; n++) assert.ok(ask(parseSource(1000 + n), { local: true }))
  assert.ok(ask(strangerNumber(1), { waiting: true }))
  assert.ok(ask(strangerNumber(2)))
  assert.ok(ask(strangerNumber(3)))
  assert.equal(evicted, [strangerNumber(1)])
  assert.is(ask(strangerNumber(4)), null)
  assert.is(admission.count().taken, 10)
})

test('a third local user gets the place of a slow stranger', () => {
  const { admission, evicted, ask } = make()
  for (let n = 1; n <= 8; n++) ask(strangerNumber(n), { waiting: n === 5 })
  for (let n = 0; n < 3; n++) assert.ok(ask(parseSource(1000 + n), { local: true }))
  assert.equal(evicted, [strangerNumber(5)])
  assert.is(admission.count().taken, 10)
})

test('a child that computes is never evicted, and a refusal says when to come again', () => {
  const { admission, evicted, ask } = make()
  const leases = [1, 2, 3, 4, 5, 6, 7, 8].map(n => ask(strangerNumber(n), { waiting: true }))
  for (const lease of leases) lease?.setWaiting(false)
  const answer = admission.acquire({ source: owner, local: false, evict: () => {} })
  assert.equal(answer, { ok: false, reason: 'busy', retryAfterSeconds: 3 })
  assert.equal(evicted, [])
})

test('two places are kept for others too: ten slow local users keep no remote owner out', () => {
  const { admission, evicted, ask } = make()
  for (let uid = 1000; uid < 1010; uid++) ask(parseSource(uid), { local: true, waiting: true })
  assert.equal(admission.count(), { taken: 8, remote: 0, waiting: 8 })
  assert.ok(ask(owner))
  assert.ok(ask(strangerNumber(1)))
  assert.equal(evicted, [])
})

test('nobody at this machine holds two places while another there has none', async () => {
  const { time, evicted, ask } = make()
  for (let uid = 1001; uid <= 1005; uid++) {
    for (const name of ['first', 'second'])
      ask(parseSource(uid), { local: true, waiting: true, name: `${name} ${uid}` })
    await time.advance(1)
  }
  assert.equal(evicted, ['first 1001'])
  assert.ok(ask(parseSource(1000), { local: true }))
  assert.equal(evicted, ['first 1001', 'first 1002'])
})

test('a slow local user is ended for another one after ten seconds, and not for a second place of somebody', async () => {
  const { time, evicted, ask } = make()
  for (let uid = 1001; uid <= 1008; uid++) {
    ask(parseSource(uid), { local: true, waiting: true })
    await time.advance(0.1)
  }
  await time.advance(9.1)
  assert.is(ask(parseSource(1000), { local: true }), null)
  await time.advance(0.1)
  assert.is(ask(parseSource(1008), { local: true }), null)
  assert.equal(evicted, [])
  assert.ok(ask(parseSource(1000), { local: true }))
  assert.equal(evicted, ['uid:1001'])
})

test('a slow local user yields also where remote children hold the rest and compute', async () => {
  const { time, evicted, ask } = make()
  for (let n = 1; n <= 8; n++) ask(strangerNumber(n))
  for (const uid of [1001, 1002]) ask(parseSource(uid), { local: true, waiting: true })
  await time.advance(10)
  assert.ok(ask(parseSource(1000), { local: true }))
  assert.equal(evicted, ['uid:1001'])
})

test('a local child that computes is never evicted', async () => {
  const { time, evicted, ask } = make()
  for (let uid = 1001; uid <= 1004; uid++) for (const _ of [1, 2]) ask(parseSource(uid), { local: true })
  await time.advance(60)
  assert.is(ask(parseSource(1000), { local: true }), null)
  assert.equal(evicted, [])
})

test('a local user never ends a conversation in the places that are kept for others', async () => {
  const { time, evicted, ask } = make()
  for (const n of [1, 2]) ask(strangerNumber(n), { waiting: true })
  await time.advance(60)
  for (let uid = 1001; uid <= 1008; uid++) ask(parseSource(uid), { local: true, waiting: true })
  assert.is(ask(parseSource(1000), { local: true }), null)
  assert.equal(evicted, [])
})

test('where few are for others, as many as there are beside those kept for this machine are theirs', () => {
  const { clock } = createFakeTime()
  const admission = createAdmission({ clock, limits: { ...limits, children: 3 } })
  const ask = (source: Source, local: boolean) => admission.acquire({ source, local, evict: () => {} }).ok
  assert.equal(
    [1000, 1001, 1002].map(uid => ask(parseSource(uid), true)),
    [true, true, false],
  )
  assert.equal(
    [1, 2].map(n => ask(strangerNumber(n), false)),
    [true, false],
  )
})

test('the longest wait counts from the present question, not from the start', async () => {
  const { time, evicted, ask } = make()
  const leases: (Lease | null)[] = []
  for (let n = 1; n <= 8; n++) {
    leases.push(ask(strangerNumber(n), { waiting: true }))
    await time.advance(1)
  }
  leases[0]?.setWaiting(false)
  leases[0]?.setWaiting(true)
  assert.ok(ask(owner))
  assert.equal(evicted, [strangerNumber(2)])
})

test('a place is given back once, and an evicted lease gives back nobody else’s', () => {
  const { admission, ask } = make()
  const first = ask(owner, { waiting: true })
  ask(owner)
  ask(owner)
  first?.release()
  first?.release()
  assert.is(admission.count().taken, 2)
})

test('limits that leave no place are refused', () => {
  const { clock } = createFakeTime()
  assert.throws(() => createAdmission({ clock, limits: { ...limits, children: 2 } }), TypeError)
})

test.run()
