/** Refusals in the log: once a minute for each, and few at all. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RefusalLog } from '../../server/gate/refusal-log.ts'

const test = suite('gate/refusal-log')

function open() {
  const lines: unknown[] = []
  const clock = { ms: 0 }
  const log = new RefusalLog(
    (_level, _message, facts) => lines.push(facts?.detail),
    () => clock.ms,
  )
  return { log, lines, clock }
}

test('says the same once a minute', () => {
  const { log, lines, clock } = open()
  for (const ms of [0, 1, 59_999, 60_000, 60_001]) {
    clock.ms = ms
    log.say('host_unknown', 'a')
  }
  assert.equal(lines, ['a', 'a'])
})

test('says 64 different things a minute, whoever invents them', () => {
  const { log, lines, clock } = open()
  for (let at = 0; at < 1000; at += 1) log.say('host_unknown', String(at))
  assert.is(lines.length, 64)
  clock.ms = 60_000
  log.say('host_unknown', 'later')
  assert.is(lines.at(-1), 'later')
})

test.run()
