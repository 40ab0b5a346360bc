/** What gates are pushed: only what somebody may hear who came by them, and only for as long. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Authenticated } from '../../../server/keeper/caller.ts'
import { Events } from '../../../server/keeper/event/events.ts'
import { createMovableClock, type MovableClock } from '../session/movable-clock.ts'

interface Context {
  clock: MovableClock
  events: Events
  pushed: { to: readonly string[] }[]
  link: { isOpen: boolean; send(message: unknown): void; forget(what: unknown): Promise<void> }
  /** What the gate was told to forget, and when: how many events it had been pushed by then. */
  forgotten: { what: unknown; after: number }[]
  who(session: string, permissions: string[], identity?: string): Authenticated
  reload(): void
}

const test = suite<Context>('keeper/event/events')
test.before.each(context => {
  const clock = createMovableClock()
  const pushed: Context['pushed'] = []
  const forgotten: Context['forgotten'] = []
  Object.assign(context, {
    clock,
    pushed,
    forgotten,
    events: new Events(clock, 'aaaaaaaa'),
    link: {
      isOpen: true,
      send: (message: { to: string[] }) => pushed.push({ to: message.to }),
      forget: async (what: unknown) => {
        forgotten.push({ what, after: pushed.length })
      },
    },
    who(id: string, permissions: string[], identity = '1') {
      const began = { wallMs: clock.wallMs(), boot: clock.bootId, monotonicMs: clock.monotonicMs() }
      const session = { id, began, used: began, lifetimeMs: 1e9, idleMs: null }
      return { session, grant: { issued: began, accessMs: 30_000 }, identity: { id: identity }, permissions }
    },
    reload: () => context.events.tell({ kind: 'config', action: 'reloaded', restart_needed: [] }),
  })
})

test('a gate where nobody may hear of it is not told', ({ events, link, who, reload, pushed }) => {
  reload()
  events.subscribe(who('a', []), undefined, link)
  reload()
  assert.equal(pushed, [])
  events.subscribe(who('b', ['status.read']), undefined, link)
  reload()
  assert.equal(pushed, [{ to: ['config'] }])
})

for (const what of ['everything', { session: 'a' }, { identity: '1' }] as const)
  test(`after forget ${JSON.stringify(what)} it is told no more`, ({ events, link, who, reload, pushed }) => {
    events.subscribe(who('a', ['*']), undefined, link)
    events.forget({ session: 'other' })
    events.forget({ identity: '2' })
    reload()
    assert.is(pushed.length, 1)
    events.forget(what)
    reload()
    assert.is(pushed.length, 1)
  })

test('a gate that does not ask again is told no more after a minute', ({
  events,
  link,
  who,
  reload,
  pushed,
  clock,
}) => {
  events.subscribe(who('a', ['*']), undefined, link)
  clock.pass(59)
  reload()
  assert.is(pushed.length, 1)
  clock.pass(2)
  reload()
  assert.is(pushed.length, 1)
})

test('it is told that it heard no more, before anything else, so that it asks for what it was not pushed', ({
  events,
  link,
  who,
  reload,
  pushed,
  clock,
  forgotten,
}) => {
  events.subscribe(who('a', ['*']), undefined, link)
  clock.pass(30)
  events.subscribe(who('b', ['*']), undefined, link)
  reload()
  assert.equal(forgotten, [])
  clock.pass(31)
  reload()
  reload()
  assert.equal(forgotten, [{ what: { session: 'a' }, after: 1 }])
  assert.is(pushed.length, 3)
})

test('a link that is gone is told nothing', ({ events, link, who, reload, pushed }) => {
  events.subscribe(who('a', ['*']), undefined, link)
  link.isOpen = false
  reload()
  link.isOpen = true
  reload()
  assert.equal(pushed, [])
})

test('what is told holds no longer than the access token', ({ events, link, who }) => {
  assert.is(events.subscribe(who('a', []), undefined, link)?.validMs, 30_000)
})

test('one link listens for 16,384 sessions at most', ({ events, link, who, clock }) => {
  const subscribe = (at: number) => events.subscribe(who(`${at}`, []), undefined, link)
  for (let at = 0; at < 16_384; at += 1) assert.ok(subscribe(at))
  assert.is(subscribe(20_000), null)
  assert.ok(subscribe(1))
  clock.pass(61)
  assert.ok(subscribe(20_000))
})

test('who missed more than may be told at once hears the newest, and that there was more', ({ events, who }) => {
  const { head } = events.subscribe(who('a', ['*']), undefined, undefined) ?? { head: '' }
  const user = { id: '1', name: 'n'.repeat(1200), realm: 'pam' } as const
  for (let at = 0; at < 900; at += 1)
    events.tell({ kind: 'session', action: 'began', session: `${at}`, session_kind: 'token', source: 'x', user })
  const told = events.subscribe(who('a', ['*']), head, undefined)
  const [first] = told?.events ?? []
  const bytes = Buffer.byteLength(JSON.stringify(told?.events))
  assert.ok(bytes > 700 * 1024 && bytes < 800 * 1024, `${bytes}`)
  assert.is(told?.events.at(-1)?.id, told?.head)
  assert.is.not(told?.from, head)
  assert.is(Number(first?.id.split('-')[1]), Number(told?.from.split('-')[1]) + 1)
})

test('who comes back is told what they may hear, and nothing else', ({ events, who, reload }) => {
  const { head } = events.subscribe(who('a', []), undefined, undefined) ?? { head: '' }
  reload()
  assert.equal(events.subscribe(who('a', []), head, undefined)?.events, [])
  assert.is(events.subscribe(who('a', ['status.read']), head, undefined)?.events.length, 1)
})

test.run()
