/** The keeper's end of the link: what it takes, and that everything else ends the link with the rule that was broken. */
import { once } from 'node:events'
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Answer,
  maxInFlight,
  maxLoginsInFlight,
  maxLoginsOfOneKind,
  silenceMs,
} from '../../server/link/message.ts'
import { type LinkRequest, LinkServer } from '../../server/link/server.ts'
import { createPair, createPeer, type Pair, type Peer } from './pair.ts'

const test = suite('link/server')

const from = { source: '192.0.2.1', local: false, uid: null, secure: true, agent: null }
const request = (id: number, more: object = {}) => ({
  type: 'request',
  id,
  operation: 'echo',
  input: { n: id },
  token: null,
  from,
  ...more,
})
/** So many logins from this machine or from elsewhere, with ids from `first` on. */
const logins = (count: number, local: boolean, first = 1) =>
  Array.from({ length: count }, (_, n) => request(first + n, { operation: 'login.begin', from: { ...from, local } }))

/** A link whose one operation `echo` answers its input, and whose `wait` and `login.begin` answer when they are told to. */
interface Setting {
  readonly pair: Pair
  readonly gate: Peer
  readonly link: LinkServer
  readonly requests: LinkRequest[]
  readonly told: unknown[]
  readonly waiting: ((answer: Answer) => void)[]
  /** The violation, once the link is closed. */
  readonly ended: Promise<string | null>
}

const open: Pair[] = []

async function createSetting(): Promise<Setting> {
  const pair = await createPair()
  open.push(pair)
  const { promise: ended, resolve: end } = Promise.withResolvers<string | null>()
  const requests: LinkRequest[] = []
  const told: unknown[] = []
  const waiting: ((answer: Answer) => void)[] = []
  const link = new LinkServer(pair.keeper, {
    hello: (_link, version) => void told.push({ version }),
    listening: (_link, listeners) => void told.push({ listeners }),
    knows: operation => ['echo', 'wait', 'large', 'login.begin'].includes(operation),
    answer: async asked => {
      requests.push(asked)
      if (asked.operation === 'echo') return { ok: true, value: asked.input }
      if (asked.operation === 'large') return { ok: true, value: 'x'.repeat(Number(asked.input)) }
      return new Promise(resolve => waiting.push(resolve))
    },
    closed: (_link, violation) => end(violation),
  })
  return { pair, gate: createPeer(pair.gate), link, requests, told, waiting, ended }
}

test.after.each(async () => {
  for (const pair of open.splice(0)) await pair.close()
  mock.timers.reset()
})

test('answers a request with what it was asked', async () => {
  const { gate, requests } = await createSetting()
  gate.say(request(1, { token: 'a.b.c' }))
  assert.equal(await gate.hear(), { type: 'answer', id: 1, answer: { ok: true, value: { n: 1 } } })
  const [{ signal, ...asked } = {} as LinkRequest] = requests
  assert.equal(asked, { operation: 'echo', input: { n: 1 }, token: 'a.b.c', from })
  assert.not(signal.aborted)
})

test('hands frames on in the order they came', async () => {
  const { gate, requests, told } = await createSetting()
  gate.say({ type: 'hello', version: '1' }, request(3), { type: 'listening', listeners: ['a'] }, request(7), request(8))
  for (const id of [3, 7, 8]) assert.is((await gate.hear()).id, id)
  assert.equal(told, [{ version: '1' }, { listeners: ['a'] }])
  assert.equal(
    requests.map(({ input }) => input),
    [{ n: 3 }, { n: 7 }, { n: 8 }],
  )
})

test('a cancelled request is aborted, and its answer still comes', async () => {
  const { gate, requests, waiting } = await createSetting()
  gate.say(request(1, { operation: 'wait' }), { type: 'cancel', id: 1 }, { type: 'cancel', id: 99 }, request(2))
  assert.is((await gate.hear()).id, 2)
  assert.ok(requests[0]?.signal.aborted)
  waiting[0]?.({ ok: true, value: 1 })
  assert.is((await gate.hear()).id, 1)
})

test('a lost link aborts what is in flight', async () => {
  const { pair, gate, requests, ended } = await createSetting()
  gate.say(request(1, { operation: 'wait' }), request(2))
  await gate.hear()
  pair.gate.destroy()
  assert.is(await ended, null)
  assert.ok(requests[0]?.signal.aborted)
})

test('an answer that is too large for the link is a refusal', async () => {
  const { gate } = await createSetting()
  gate.say(request(1, { operation: 'large', input: 1024 * 1024 }))
  assert.is(((await gate.hear()).answer as { reason?: string }).reason, 'unavailable')
})

const noFrame = Buffer.from([0xff, 0xff, 0xff, 0xff])
const violations: { name: string; say: unknown[] | Buffer; violation: RegExp }[] = [
  { name: 'a frame over the limit', say: noFrame, violation: /at most 1048576/ },
  { name: 'a frame that is not JSON', say: Buffer.from('\0\0\0\x01{'), violation: /not UTF-8 JSON/ },
  ...[null, 1, 'pong', [], {}, { type: 'bye' }, { type: '__proto__' }].map(message => ({
    name: `the message ${JSON.stringify(message)}`,
    say: [message],
    violation: /does not know/,
  })),
  ...[
    { type: 'pong', x: 1 },
    { type: 'hello', version: '1', x: 1 },
    { type: 'cancel', id: 1, x: 1 },
    { type: 'acknowledge', id: 1, x: 1 },
    { type: 'listening', listeners: [], x: 1 },
    { type: 'hello', version: 'x'.repeat(65) },
    { type: 'listening', listeners: ['x'.repeat(257)] },
  ].map(message => ({
    name: `the ${message.type} ${JSON.stringify(message).slice(0, 60)}`,
    say: [message],
    violation: /does not know/,
  })),
  {
    name: 'an extra member __proto__',
    say: Buffer.from('\0\0\0\x20{"type":"pong","__proto__":null}'),
    violation: /does not know/,
  },
  ...Object.entries({
    id: [0, -1, 1.5, '1', null, 2 ** 53],
    operation: [null, 1, 'x'.repeat(65)],
    token: [1, {}, 'x'.repeat(8193)],
    from: [
      null,
      {},
      { ...from, root: true },
      { ...from, uid: -1 },
      { ...from, uid: 2 ** 32 },
      { ...from, uid: 'root' },
      { ...from, local: 1 },
      { ...from, source: 'x'.repeat(129) },
      { ...from, agent: 'x'.repeat(257) },
    ],
  }).flatMap(([member, values]) =>
    values.map(value => ({
      name: `a request whose ${member} is ${JSON.stringify(value)?.slice(0, 40)}`,
      say: [request(1, { [member]: value })],
      violation: /does not know/,
    })),
  ),
  { name: 'a request without input', say: [request(1, { input: undefined })], violation: /does not know/ },
  { name: 'a request with an identity beside it', say: [request(1, { identity: '0' })], violation: /does not know/ },
  { name: 'an unknown operation', say: [request(1, { operation: 'root.shell' })], violation: /operation that there/ },
  { name: 'a request id used twice', say: [request(5), request(5)], violation: /used before/ },
  { name: 'a request id that goes back', say: [request(5), request(4)], violation: /used before/ },
  { name: 'an acknowledgement of nothing', say: [{ type: 'acknowledge', id: 1 }], violation: /of nothing/ },
  {
    name: 'more requests in flight than are allowed',
    say: Array.from({ length: maxInFlight + 1 }, (_, n) => request(n + 1, { operation: 'wait' })),
    violation: /too many requests/,
  },
  ...[true, false].map(local => ({
    name: `more logins in flight than are allowed ${local ? 'from this machine' : 'from elsewhere'}`,
    say: logins(maxLoginsOfOneKind + 1, local),
    violation: /too many logins/,
  })),
  {
    name: 'more logins in flight than are allowed in all',
    say: [...logins(maxLoginsInFlight / 2, true), ...logins(maxLoginsInFlight / 2 + 1, false, 100)],
    violation: /too many logins/,
  },
  {
    name: 'more listeners than there can be',
    say: [{ type: 'listening', listeners: Array.from({ length: 65 }, () => 'x') }],
    violation: /does not know/,
  },
]

for (const { name, say, violation } of violations)
  test(`ends the link for ${name}`, async () => {
    const { gate, ended, requests } = await createSetting()
    const before = Array.isArray(say) ? say.length - 1 : 0
    if (Array.isArray(say)) gate.say(...say)
    else gate.write(say)
    // What comes behind it is not heard.
    gate.say(request(1000))
    assert.match((await ended) ?? '', violation)
    await gate.closed
    assert.is(requests.length, before)
  })

test('as many requests as are allowed may be in flight', async () => {
  const { gate, waiting, requests } = await createSetting()
  for (let id = 1; id < maxInFlight; id += 1) gate.say(request(id, { operation: 'wait' }))
  gate.say(request(maxInFlight))
  assert.is((await gate.hear()).id, maxInFlight)
  waiting[0]?.({ ok: true, value: null })
  assert.is((await gate.hear()).id, 1)
  gate.say(request(maxInFlight + 1, { operation: 'wait' }), request(maxInFlight + 2))
  assert.is((await gate.hear()).id, maxInFlight + 2)
  assert.is(requests.length, maxInFlight + 2)
})

test('as many logins as are allowed may be in flight, beside other requests', async () => {
  const { gate, waiting, requests } = await createSetting()
  gate.say(...logins(maxLoginsOfOneKind, false))
  gate.say(...logins(maxLoginsInFlight - maxLoginsOfOneKind, true, maxLoginsOfOneKind + 1))
  gate.say(request(maxLoginsInFlight + 1))
  assert.is((await gate.hear()).id, maxLoginsInFlight + 1)
  waiting[0]?.({ ok: true, value: null })
  assert.is((await gate.hear()).id, 1)
  gate.say(request(maxLoginsInFlight + 2, { operation: 'login.begin' }), request(maxLoginsInFlight + 3))
  assert.is((await gate.hear()).id, maxLoginsInFlight + 3)
  assert.is(requests.length, maxLoginsInFlight + 3)
})

test('ends a link whose answers are not read', async () => {
  const { pair, gate, ended } = await createSetting()
  pair.gate.pause()
  for (let id = 1; id <= 20; id += 1) gate.say(request(id, { operation: 'large', input: 900_000 }))
  assert.match((await ended) ?? '', /does not read/)
})

test('forgetting is done when it is acknowledged, each by its own', async () => {
  const { gate, link } = await createSetting()
  const done: string[] = []
  const first = link.forget({ session: 'a' }).then(() => done.push('a'))
  const second = link.forget('everything').then(() => done.push('everything'))
  const [one, two] = [await gate.hear(), await gate.hear()]
  assert.equal([one.what, two.what], [{ session: 'a' }, 'everything'])
  gate.say({ type: 'acknowledge', id: two.id })
  await second
  assert.equal(done, ['everything'])
  gate.say({ type: 'acknowledge', id: one.id })
  await first
})

test('a forgetting is acknowledged once', async () => {
  const { gate, link, ended } = await createSetting()
  void link.forget('everything')
  const { id } = await gate.hear()
  gate.say({ type: 'acknowledge', id }, { type: 'acknowledge', id })
  assert.match((await ended) ?? '', /of nothing/)
})

test('a forgetting is done when the link is gone', async () => {
  const { pair, link, ended } = await createSetting()
  const forgotten = link.forget('everything')
  pair.gate.destroy()
  await forgotten
  await ended
  await link.forget('everything')
})

const pulseMs = silenceMs / 5

test('ends a gate that is silent for ten seconds', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  const { gate, link, ended } = await createSetting()
  link.keepAlive()
  mock.timers.tick(silenceMs)
  for (let n = 0; n < 5; n += 1) assert.equal(await gate.hear(), { type: 'ping' })
  mock.timers.tick(pulseMs)
  assert.match((await ended) ?? '', /silent for 10 s/)
})

test('keeps a gate that gives signs of life', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  const { pair, gate, link } = await createSetting()
  link.keepAlive()
  for (let n = 1; n <= 20; n += 1) {
    mock.timers.tick(pulseMs)
    await gate.hear()
    gate.say({ type: 'pong' })
    await once(pair.keeper, 'data')
  }
  assert.not(pair.keeper.destroyed)
})

test('keeps a gate whose answers were not read because the keeper stood still', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  const { pair, gate, link } = await createSetting()
  link.keepAlive()
  mock.timers.tick(pulseMs)
  await gate.hear()
  gate.say({ type: 'pong' })
  // Nothing is read meanwhile: timers run before sockets when a process wakes.
  mock.timers.tick(pulseMs)
  await once(pair.keeper, 'data')
  await turn()
  assert.not(pair.keeper.destroyed)
})

test('a link that is gone is asked for nothing more', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  const { pair, link, ended } = await createSetting()
  link.keepAlive()
  pair.gate.destroy()
  assert.is(await ended, null)
  let asked = 0
  link.send = () => {
    asked += 1
  }
  mock.timers.tick(silenceMs * 2)
  assert.is(asked, 0)
})

test('what it ends itself is no violation', async () => {
  const { link, ended } = await createSetting()
  link.end(null)
  assert.is(await ended, null)
  link.send({ type: 'bye' })
})

test.run()
