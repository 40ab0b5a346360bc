/** Penalties and forgetting. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addFailure,
  emptyTally,
  failureCap,
  failuresAt,
  forgiveAccount,
  penaltyMs,
  remainingMs,
} from '../../../server/keeper/throttle/rules.ts'

const test = suite('throttle rules')
const limits = { freeFailures: 3, firstPenaltySeconds: 5, maxPenaltySeconds: 600, forgetSeconds: 600 }

test('the fourth failure costs first, then it doubles up to ten minutes', () => {
  const seconds = Array.from({ length: 14 }, (_, failures) => penaltyMs(failures, limits) / 1000)
  assert.equal(seconds, [0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 600, 600, 600])
})

test('a tally holds as many failures as the longest penalty takes', () => {
  assert.is(failureCap(limits), 11)
  assert.is(failureCap({ ...limits, firstPenaltySeconds: 600 }), 4)
})

test('one failure is forgotten each forgetSeconds after the penalty, not during it', () => {
  const tally = emptyTally()
  for (let i = 0; i < 5; i++) addFailure(tally, 'alice', 0, limits)
  assert.is(remainingMs(tally, 0), 10_000)
  assert.is(failuresAt(tally, 609_999, limits), 5)
  assert.is(failuresAt(tally, 610_000, limits), 4)
  assert.is(failuresAt(tally, 10_000 + 5 * 600_000, limits), 0)
})

test('a slow guesser is not penalised, one who comes back early goes on where they were', () => {
  const slow = emptyTally()
  for (let i = 0; i < 20; i++) addFailure(slow, 'alice', i * 600_000, limits)
  assert.is(remainingMs(slow, 19 * 600_000), 0)
  const quick = emptyTally()
  for (let i = 0; i < 4; i++) addFailure(quick, 'alice', 0, limits)
  addFailure(quick, 'alice', 5000, limits)
  assert.is(remainingMs(quick, 5000), 10_000)
})

test('a success takes back what failures at that account contributed', () => {
  const tally = emptyTally()
  for (let i = 0; i < 3; i++) addFailure(tally, 'bob', 0, limits)
  addFailure(tally, 'alice', 0, limits)
  forgiveAccount(tally, 'alice', 0, limits)
  assert.is(failuresAt(tally, 0, limits), 3)
  assert.is(remainingMs(tally, 0), 0)
})

test('a success at an own account gives nothing back of guesses at another', () => {
  const tally = emptyTally()
  for (let i = 0; i < 6; i++) {
    addFailure(tally, 'victim', 0, limits)
    forgiveAccount(tally, 'mallory', 0, limits)
  }
  assert.is(failuresAt(tally, 0, limits), 6)
  assert.is(remainingMs(tally, 0), 20_000)
})

test('failures at an own account cannot push those at a victim out of a full tally', () => {
  const tally = emptyTally()
  for (let i = 0; i < failureCap(limits); i++) addFailure(tally, 'victim', 0, limits)
  for (let i = 0; i < 20; i++) addFailure(tally, 'mallory', 0, limits)
  forgiveAccount(tally, 'mallory', 0, limits)
  assert.is(failuresAt(tally, 0, limits), failureCap(limits))
  assert.is(remainingMs(tally, 0), 600_000)
})

test('a tally does not grow with the number of names tried', () => {
  const tally = emptyTally()
  for (let i = 0; i < 1000; i++) addFailure(tally, `name-${i}`, 0, limits)
  assert.is(tally.failures.size, failureCap(limits))
})

test('forgetting never takes more from a victim than quiet alone would', () => {
  const tally = emptyTally()
  for (let i = 0; i < 3; i++) addFailure(tally, 'victim', 0, limits)
  for (let i = 0; i < 3; i++) addFailure(tally, 'mallory', 0, limits)
  const laterMs = tally.quietFromMs + 600_000
  forgiveAccount(tally, 'mallory', laterMs, limits)
  assert.is(failuresAt(tally, laterMs, limits), 2)
})

test.run()
