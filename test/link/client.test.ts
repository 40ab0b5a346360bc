/** The asking end of the link: bounded, in order, and without an answer left open when the link is lost. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LinkClient, type Listener } from '../../server/link/client.ts'
import { FrameError } from '../../server/link/frame.ts'
import { type Answer, maxInFlight, maxLoginsInFlight, maxLoginsOfOneKind } from '../../server/link/message.ts'
import { createPair, createPeer, type Pair, type Peer } from './pair.ts'

const test = suite('link/client')

const from = { source: 'unix', local: false, uid: null, secure: false, agent: 'test' }
const fromHere = { ...from, local: true }
const open: Pair[] = []

async function createSetting(listener?: Listener): Promise<{ client: LinkClient; keeper: Peer; pair: Pair }> {
  const pair = await createPair()
  open.push(pair)
  return { client: new LinkClient(pair.gate, listener), keeper: createPeer(pair.keeper), pair }
}

test.after.each(async () => {
  for (const pair of open.splice(0)) await pair.close()
})

const yes = (value: unknown): Answer => ({ ok: true, value })
const reasonOf = (answer: Answer) => (answer.ok ? 'ok' : answer.reason)

test('says hello and where it listens', async () => {
  const { client, keeper } = await createSetting()
  client.hello('1.2.3')
  client.listening(['http://127.0.0.1:1'])
  assert.equal(await keeper.hear(), { type: 'hello', version: '1.2.3' })
  assert.equal(await keeper.hear(), { type: 'listening', listeners: ['http://127.0.0.1:1'] })
})

test('gives each request the answer of its id, whatever the order', async () => {
  const { client, keeper } = await createSetting()
  const answers = ['a', 'b', 'c'].map(input => client.request('echo', input, 'token', from))
  const asked = [await keeper.hear(), await keeper.hear(), await keeper.hear()]
  assert.equal(asked[0], { type: 'request', id: 1, operation: 'echo', input: 'a', token: 'token', from })
  for (const { id, input } of asked.reverse()) keeper.say({ type: 'answer', id, answer: yes(input) })
  assert.equal(await Promise.all(answers), ['a', 'b', 'c'].map(yes))
})

test('answers busy at once when all that may be is in flight, and takes more when one is answered', async () => {
  const { client, keeper } = await createSetting()
  const answers = Array.from({ length: maxInFlight }, () => client.request('status', {}, null, from))
  const refused = await client.request('status', {}, null, from)
  assert.is(reasonOf(refused), 'busy')
  assert.equal(refused.ok ? null : refused.more, { retry_after: 2 })
  keeper.say({ type: 'answer', id: 7, answer: yes(7) })
  assert.equal(await answers[6], yes(7))
  const next = client.request('status', {}, null, from)
  assert.is(reasonOf(await client.request('status', {}, null, from)), 'busy')
  keeper.say({ type: 'answer', id: maxInFlight + 1, answer: yes('next') })
  assert.equal(await next, yes('next'))
})

const rest = maxLoginsInFlight - maxLoginsOfOneKind
for (const { name, many, few } of [
  { name: 'strangers', many: from, few: fromHere },
  { name: 'users of this machine', many: fromHere, few: from },
])
  test(`keeps a share of the logins from ${name} for the others, and room beside the logins`, async () => {
    const { client, keeper } = await createSetting()
    const begin = (whose: typeof from) => client.request('login.begin', {}, null, whose)
    const logins = Array.from({ length: maxLoginsOfOneKind }, () => begin(many))
    const refused = await begin(many)
    assert.is(reasonOf(refused), 'busy')
    assert.equal(refused.ok ? null : refused.more, { retry_after: 2 })
    const others = Array.from({ length: rest }, () => begin(few))
    assert.is(reasonOf(await client.request('login.answer', {}, null, few)), 'busy')
    const status = client.request('status', {}, null, many)
    keeper.say({ type: 'answer', id: maxLoginsInFlight + 1, answer: yes('status') })
    assert.equal(await status, yes('status'))
    keeper.say({ type: 'answer', id: 1, answer: yes('login') })
    assert.equal(await logins[0], yes('login'))
    const next = begin(many)
    keeper.say({ type: 'answer', id: maxLoginsInFlight + 2, answer: yes('next') })
    assert.equal(await next, yes('next'))
    keeper.say({ type: 'answer', id: maxLoginsInFlight, answer: yes('other') })
    assert.equal(await others.at(-1), yes('other'))
  })

test('an input over the limit takes no place from the logins', async () => {
  const { client, keeper } = await createSetting()
  for (let round = 0; round < maxLoginsOfOneKind; round += 1)
    assert.throws(() => client.request('login.begin', 'x'.repeat(1024 * 1024), null, from))
  const answer = client.request('login.begin', {}, null, from)
  keeper.say({ type: 'answer', id: 1, answer: yes('login') })
  assert.equal(await answer, yes('login'))
})

test('tells the keeper that nobody waits any more', async () => {
  const { client, keeper } = await createSetting()
  const abort = new AbortController()
  const answer = client.request('login.begin', {}, null, from, abort.signal)
  abort.abort()
  assert.is((await keeper.hear()).type, 'request')
  assert.equal(await keeper.hear(), { type: 'cancel', id: 1 })
  keeper.say({ type: 'answer', id: 1, answer: yes(1) })
  assert.equal(await answer, yes(1))
})

test('does not tell it of a request that was answered', async () => {
  const { client, keeper } = await createSetting()
  const abort = new AbortController()
  const answer = client.request('status', {}, null, from, abort.signal)
  keeper.say({ type: 'answer', id: 1, answer: yes(1) })
  await answer
  abort.abort()
  client.hello('1')
  assert.is((await keeper.hear()).type, 'request')
  assert.is((await keeper.hear()).type, 'hello')
})

test('sends nothing for a request that nobody waits for', async () => {
  const { client, keeper } = await createSetting()
  assert.is(reasonOf(await client.request('login.begin', {}, null, from, AbortSignal.abort())), 'busy')
  client.hello('1')
  assert.is((await keeper.hear()).type, 'hello')
})

test('acknowledges what it forgot, after it forgot it', async () => {
  const forgotten: unknown[] = []
  const { keeper } = await createSetting({ forget: what => void forgotten.push(what) })
  keeper.say(
    { type: 'forget', id: 3, what: { session: 'x' } },
    { type: 'forget', id: 4, what: 'everything' },
    { type: 'ping' },
  )
  assert.equal(await keeper.hear(), { type: 'acknowledge', id: 3 })
  assert.equal(await keeper.hear(), { type: 'acknowledge', id: 4 })
  assert.equal(await keeper.hear(), { type: 'pong' })
  assert.equal(forgotten, [{ session: 'x' }, 'everything'])
})

test('an answer that came before a forget is heard before it', async () => {
  const order: string[] = []
  const { client, keeper } = await createSetting({ forget: () => void order.push('forget') })
  const answered = client.request('session.resolve', {}, null, from).then(() => order.push('answer'))
  await keeper.hear()
  keeper.say({ type: 'answer', id: 1, answer: yes(1) })
  await answered
  keeper.say({ type: 'forget', id: 1, what: 'everything' })
  await keeper.hear()
  assert.equal(order, ['answer', 'forget'])
})

test('hands the settings on, each time', async () => {
  const told: unknown[] = []
  const { keeper } = await createSetting({ settings: settings => void told.push(settings) })
  keeper.say({ type: 'settings', settings: { hosts: ['a'] } }, { type: 'settings', settings: { hosts: ['b'] } })
  keeper.say({ type: 'ping' })
  await keeper.hear()
  assert.equal(told, [{ hosts: ['a'] }, { hosts: ['b'] }])
})

test('a lost link leaves nobody waiting, is told once, and answers unavailable from then on', async () => {
  let losses = 0
  const { promise: lost, resolve } = Promise.withResolvers<void>()
  const { client, keeper, pair } = await createSetting({
    lost: () => {
      losses += 1
      resolve()
    },
  })
  const answers = [client.request('status', {}, null, from), client.request('login.begin', {}, null, from)]
  await keeper.hear()
  pair.keeper.destroy()
  await lost
  assert.equal((await Promise.all(answers)).map(reasonOf), ['unavailable', 'unavailable'])
  assert.is(reasonOf(await client.request('status', {}, null, from)), 'unavailable')
  client.hello('1')
  client.listening([])
  client.close()
  assert.is(losses, 1)
})

for (const [name, bytes] of [
  ['a frame over the limit', Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ['a frame that is not JSON', Buffer.from('\0\0\0\x01{')],
  ['a frame that holds no message', Buffer.from('\0\0\0\x04null')],
] as const)
  test(`ends the link for ${name}`, async () => {
    const { client, keeper } = await createSetting()
    const answer = client.request('status', {}, null, from)
    keeper.write(bytes)
    assert.is(reasonOf(await answer), 'unavailable')
    await keeper.closed
  })

test('throws for an input over the limit, and goes on', async () => {
  const { client, keeper } = await createSetting()
  assert.throws(
    () => client.request('echo', 'x'.repeat(1024 * 1024), null, from),
    (fault: unknown) => fault instanceof FrameError,
  )
  const answer = client.request('echo', 'y', null, from)
  const { id } = await keeper.hear()
  keeper.say({ type: 'answer', id, answer: yes('y') })
  assert.equal(await answer, yes('y'))
})

test.run()
