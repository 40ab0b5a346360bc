/** Where those who share a credential go on after a doubt. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Audience } from '../../../server/gate/event/audience.ts'
import type { Subscriber } from '../../../server/gate/event/subscriber.ts'
import type { From } from '../../../server/link/message.ts'

const test = suite('gate/event/audience')

const from: From = { source: 'uid:1', local: true, uid: 1, secure: false, agent: null }

test('a doubt takes nobody back to what was heard already: the keeper’s answer may be ahead of its pushes', () => {
  const audience = new Audience('key', { token: 'a', handle: null }, from)
  const ahead = { at: '0123abcd-7' } as Subscriber
  const behind = { at: '0123abcd-3' } as Subscriber
  audience.subscribers.add(ahead).add(behind)
  audience.doubt('0123abcd-5')
  assert.equal([ahead.at, behind.at], ['0123abcd-7', '0123abcd-5'])
  assert.is(audience.since, '0123abcd-5')
})

test.run()
