/** What a stream's address may ask for: read strictly, because the keeper ends a gate that sends on what it does not know. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readWanted } from '../../../server/gate/event/query.ts'

const test = suite('gate/event/query')

test('kinds, a place and a ticket are read', () => {
  assert.equal(readWanted('/postern/v1/events'), { ok: true, since: undefined, ticket: null, kinds: null })
  const wanted = readWanted('/postern/v1/events?kinds=login,session&since=0123abcd-12&ticket=a_b-c')
  assert.equal(wanted, { ok: true, since: '0123abcd-12', ticket: 'a_b-c', kinds: new Set(['login', 'session']) })
})

for (const [query, detail] of [
  ['kind=login', 'kinds, since and ticket are expected, each once'],
  ['since=0123abcd-1&since=0123abcd-2', 'kinds, since and ticket are expected, each once'],
  ['ticket=a&ticket=b', 'kinds, since and ticket are expected, each once'],
  ['since=', 'since: the id of an event is expected'],
  ['since=0123abcd', 'since: the id of an event is expected'],
  ['since=0123abcd-1%0a', 'since: the id of an event is expected'],
  ['since=0123abcd-1234567890123456', 'since: the id of an event is expected'],
  ['ticket=', 'ticket: this is none'],
  ['ticket=a%20b', 'ticket: this is none'],
  [`ticket=${'a'.repeat(129)}`, 'ticket: this is none'],
  ['kinds=', 'kinds: some of session, login, throttle, config are expected'],
  ['kinds=login,secrets', 'kinds: some of session, login, throttle, config are expected'],
] as const)
  test(`?${query.slice(0, 40)} is refused`, () => {
    const wanted = readWanted(`/postern/v1/events?${query}`)
    assert.equal(wanted.ok ? null : [wanted.reason, wanted.detail], ['invalid_input', detail])
  })

test.run()
