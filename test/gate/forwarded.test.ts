/** The Forwarded field. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseForwarded } from '../../server/gate/forwarded.ts'

const test = suite('gate/forwarded')

test('reads hops in order, names without case, quotes undone', () => {
  assert.equal(parseForwarded('for=192.0.2.60;proto=http;by=203.0.113.43 ,\tFOR="[2001:db8::1]:80" ; Host="a\\"b,c"'), [
    { for: '192.0.2.60', host: null, proto: 'http' },
    { for: '[2001:db8::1]:80', host: 'a"b,c', proto: null },
  ])
  assert.equal(parseForwarded('proto=https'), [{ for: null, host: null, proto: 'https' }])
  assert.equal(parseForwarded('for=""'), [{ for: '', host: null, proto: null }])
})

for (const value of [
  '',
  ' ',
  ',',
  'for',
  'for=',
  'for=a,',
  'for=a;',
  ';for=a',
  'for=a b',
  'for="a',
  'for="a"b',
  'for=a"b"',
  'for = a',
  'for=a,,for=b',
  'for=a;for=b',
  'for=a;FOR=b',
  'for=a:80',
  'for=[::1]',
  'for="a\\"',
])
  test(`does not read ${value}`, () => assert.is(parseForwarded(value), null))

test('a long hostile field is read in no time', () => {
  const started = performance.now()
  assert.is(parseForwarded(`for="${'\\a'.repeat(8000)}`), null)
  assert.is(parseForwarded(`${' '.repeat(16_000)}x`), null)
  assert.is(parseForwarded(`for=a${' '.repeat(16_000)}x`), null)
  assert.ok(performance.now() - started < 100)
})

test.run()
