/** Tickets for the stream of events: once, for half a minute, bounded. */
import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EventTickets } from '../../../server/keeper/event/tickets.ts'
import { createMovableClock, type MovableClock } from '../session/movable-clock.ts'

const holder = { jti: 'j', session: 's', identity: '1' }
const test = suite<{ clock: MovableClock; tickets: EventTickets; ticket: string }>('keeper/event/tickets')
test.before.each(context => {
  context.clock = createMovableClock()
  context.tickets = new EventTickets(context.clock, randomBytes)
  context.ticket = context.tickets.create(holder) ?? ''
})

test('a ticket is traded once, for a handle that goes on', ({ tickets, ticket, clock }) => {
  const { handle, holder: found } = tickets.redeem(ticket) ?? {}
  assert.ok(handle)
  assert.equal(found, holder)
  assert.is(tickets.redeem(ticket), null)
  assert.is(tickets.redeem(handle), null)
  assert.is(tickets.resume(ticket), null)
  for (let at = 0; at < 5; at += 1) {
    clock.pass(100)
    assert.equal(tickets.resume(handle), holder)
  }
})

test('a ticket is good for 30 s', ({ tickets, ticket, clock }) => {
  clock.pass(30)
  assert.is(tickets.redeem(ticket), null)
})

test('a handle that nobody asks with is over', ({ tickets, ticket, clock }) => {
  const handle = tickets.redeem(ticket)?.handle ?? ''
  clock.pass(151)
  assert.is(tickets.resume(handle), null)
})

test('one person holds 64 unspent tickets at most, in however many sessions', ({ tickets, clock }) => {
  for (let at = 1; at < 64; at += 1) assert.ok(tickets.create({ ...holder, session: `s${at}` }))
  assert.is(tickets.create(holder), null)
  assert.ok(tickets.create({ ...holder, identity: '2' }))
  clock.pass(31)
  assert.ok(tickets.create(holder))
})

test('one person holds 1024 handles at most; those that are there go on', ({ tickets, ticket, clock }) => {
  const redeem = (identity: string) => tickets.redeem(tickets.create({ ...holder, identity }) ?? '')
  const first = tickets.redeem(ticket)?.handle ?? ''
  for (let at = 1; at < 1024; at += 1) assert.ok(redeem('1')?.handle)
  assert.is(redeem('1')?.handle, null)
  assert.ok(redeem('2')?.handle)
  assert.equal(tickets.resume(first), holder)
  assert.is(redeem('1')?.handle, null)
  clock.pass(151)
  assert.ok(redeem('1')?.handle)
})

test.run()
