/** Who hears of what. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Authenticated } from '../../../server/keeper/caller.ts'
import { channelsHeard, channelsOf, type Happening } from '../../../server/keeper/event/channel.ts'

const test = suite('keeper/event/channel')

const alice = { id: '7', name: 'alice', realm: 'pam' } as const
const facts = { session: 'A'.repeat(22), source: 'x' }
const happenings: Record<string, Happening> = {
  'her session': { kind: 'session', action: 'ended', session_kind: 'token', user: alice, ...facts },
  "another's session": {
    kind: 'session',
    action: 'ended',
    session_kind: 'token',
    user: { ...alice, id: '8' },
    ...facts,
  },
  'her login': { kind: 'login', action: 'refused', user: alice, ...facts, session: null },
  "nobody's login": { kind: 'login', action: 'refused', user: null, ...facts, session: null },
  throttle: { kind: 'throttle', action: 'blocked', source: 'x', account: null, failures: 4, retry_after: 5 },
  config: { kind: 'config', action: 'reloaded', restart_needed: [] },
}

const cases: [permissions: string[], hears: string[]][] = [
  [[], ['her session', 'her login']],
  [['status.read'], ['her session', 'her login', 'config']],
  [['throttle.read'], ['her session', 'her login', 'throttle']],
  [
    ['throttle.manage', 'config.read', 'user.read', 'job.*'],
    ['her session', 'her login'],
  ],
  [['session.read'], ['her session', "another's session", 'her login', "nobody's login"]],
  [['session.manage'], ['her session', "another's session", 'her login', "nobody's login"]],
  [['*'], Object.keys(happenings)],
]
for (const [permissions, hears] of cases)
  test(`who holds ${permissions.join(', ') || 'nothing'} hears of ${hears.join(', ')}`, () => {
    const who = { identity: { id: '7' }, permissions } as unknown as Authenticated
    const heard = channelsHeard(who)
    const found = Object.entries(happenings).filter(([, one]) => channelsOf(one).some(to => heard.includes(to)))
    assert.equal(
      found.map(([name]) => name),
      hears,
    )
  })

test.run()
