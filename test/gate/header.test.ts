/** Header fields as plain values. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { headerText, headerValues, quoteSeen } from '../../server/gate/header.ts'

const test = suite('gate/header')

test('every value of a field is found, whatever its case', () => {
  const raw = ['Host', 'a', 'X-Host', 'no', 'HOST', 'b', 'host', '']
  assert.equal(headerValues(raw, 'host'), ['a', 'b', ''])
  assert.equal(headerValues(raw, 'origin'), [])
})

test('an array reads as node joins repeated fields', () => {
  assert.is(headerText({ via: ['a', 'b'] }, 'via'), 'a, b')
  assert.is(headerText({ via: 'a' }, 'via'), 'a')
  assert.is(headerText({}, 'via'), null)
})

test('what was seen is printable and short', () => {
  assert.is(quoteSeen('a\u001b[31m\u00e9'), '"a?[31m?"')
  assert.is(quoteSeen('x'.repeat(500)).length, 103)
})

test.run()
