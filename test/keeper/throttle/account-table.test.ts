/** The table of slowed accounts: which it keeps when full, when cleared, and over a restart. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AccountTable } from '../../../server/keeper/throttle/account.ts'
import { accountKey } from '../../../server/keeper/throttle/account-key.ts'
import type { Source } from '../../../server/keeper/throttle/source.ts'
import { DEFAULT_THROTTLE_LIMITS } from '../../../server/keeper/throttle/throttle.ts'
import { exhaust, make, owner, strangerNumber, watch } from './account-turns.ts'
import { createFakeTime } from './fake-time.ts'

const test = suite('throttle account-table')

test('other accounts are not slowed', async () => {
  const { ask } = make()
  await exhaust(ask)
  assert.is((await ask(owner, { account: 'bob' })).ok, true)
})

test('invented names do not grow the table, and still have a rate when it is full', async () => {
  const { table, ask } = make({ maxAccounts: 16, burst: 1 })
  for (let i = 0; i < 16; i++) await ask(owner, { account: `name-${i}` })
  let letIn = 0
  for (let i = 0; i < 2000; i++) {
    void ask(strangerNumber(i), { account: `more-${i}` }).then(turn => {
      letIn += turn.ok ? 1 : 0
    })
  }
  await new Promise(resolve => setImmediate(resolve))
  assert.ok(letIn <= 256, `${letIn}`)
  assert.ok(table.keys().length <= 16 + 256)
})

test('an account that is slowed is not pushed out by invented names', async () => {
  const { ask } = make({ maxAccounts: 4 })
  await exhaust(ask)
  for (let i = 0; i < 200; i++) void ask(strangerNumber(i), { account: `name-${i}` })
  const turn = watch(ask(owner))
  await new Promise(resolve => setImmediate(resolve))
  assert.is(turn.state(), 'waiting')
})

test('an account that nobody is slowed at makes room for another in a full table', async () => {
  const { time, table, ask } = make({ maxAccounts: 2 })
  await exhaust(ask)
  await ask(owner, { account: 'bob' })
  // Bob's one turn is paid for by then, those at alice are not.
  await time.advance(5)
  await ask(owner, { account: 'carol' })
  assert.equal(table.keys().sort(), ['alice', 'carol'])
})

test('an account that somebody waits at is not pushed out, even when a turn is due', async () => {
  const time = createFakeTime()
  const late = () => () => {}
  const limits = { ...DEFAULT_THROTTLE_LIMITS, burst: 1, maxAccounts: 1 }
  const table = new AccountTable(time.clock, late, limits, () => {})
  const ask = (n: number, account: string) => table.admit({ account, source: strangerNumber(n), local: false })
  void ask(1, 'alice')
  const turn = watch(ask(2, 'alice'))
  await time.advance(60)
  await ask(3, 'bob')
  assert.ok(table.keys().includes('alice'))
  assert.is(turn.state(), 'waiting')
})

test('clear of one account lets those go on who wait there, and nobody else', async () => {
  const { time, table, ask } = make()
  await exhaust(ask)
  await exhaust(source => ask(source, { account: 'bob' }))
  const turns = ['alice', 'bob'].map(account => watch(ask(owner, { account })))
  assert.is(table.clear('alice'), 1)
  await time.advance(0)
  assert.equal(
    turns.map(({ state }) => state()),
    ['let in', 'waiting'],
  )
})

test('clear lets those who wait go on', async () => {
  const { time, table, ask } = make()
  await exhaust(ask)
  const turn = watch(ask(owner))
  assert.is(table.clear('alice'), 1)
  await time.advance(0)
  assert.is(turn.state(), 'let in')
})

test('known sources and the pace are kept over a restart', async () => {
  const { time, table, ask } = make()
  const before = await ask(owner)
  if (before.ok) before.succeeded()
  await exhaust(ask)
  const rows = table.keys().flatMap(key => table.rowOf(key) ?? [])
  const restarted = new AccountTable(time.clock, time.timer, DEFAULT_THROTTLE_LIMITS, () => {})
  for (const row of rows) restarted.restore(row)
  const again = (source: Source) => restarted.admit({ account: 'alice', source, local: false })
  const stranger = watch(again(strangerNumber(70)))
  const turn = watch(again(owner))
  await time.advance(0)
  assert.equal([stranger.state(), turn.state()], ['waiting', 'waiting'])
  await time.advance(2)
  assert.equal([stranger.state(), turn.state()], ['waiting', 'let in'])
})

test('spellings of a name are one account, and a long name is a short key', () => {
  assert.is(accountKey('ＡLICE'), accountKey('alice'))
  assert.is.not(accountKey('alice'), accountKey('alice2'))
  assert.is(accountKey('x'.repeat(1_000_000)).length, 71)
})

test.run()
