import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { canonicalAddress, isLoopbackAddress, isSamePlace, privilegedPortFaults } from '../../server/config/listener.ts'
import type { Listener } from '../../server/config/schema.ts'
import { briefly, loadText, requireLoaded } from './directory.ts'

const test = suite('config/listener')
const at = (address: string, port = 80): Listener => ({ address, port, tls: false })

const addresses: [given: string, expect: string | null][] = [
  ['127.0.0.1', '127.0.0.1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8::0', '2001:db8::'],
  ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
  ['fe80::1%eth0', null],
  ['127.1', null],
  ['localhost', null],
  ['', null],
]
for (const [given, expect] of addresses) {
  test(`the canonical form of "${given}" is ${expect}`, () => assert.is(canonicalAddress(given), expect))
}

test('only 127.0.0.0/8 and ::1 are loopback', () => {
  const seen = [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '128.0.0.1',
    '0.0.0.0',
    '::',
    '*',
    '::ffff:127.0.0.1',
    '127.evil.example.x',
  ]
  assert.equal(seen.filter(isLoopbackAddress), ['127.0.0.1', '127.9.9.9', '::1'])
})

const places: [one: Listener, other: Listener, same: boolean][] = [
  [at('127.0.0.1'), at('127.0.0.1'), true],
  [at('127.0.0.1'), at('127.0.0.1', 81), false],
  [at('127.0.0.1'), at('::1'), false],
  [at('0.0.0.0'), at('192.0.2.1'), true],
  [at('0.0.0.0'), at('::'), false],
  [at('::'), at('::1'), true],
  [at('::1'), at('::'), true],
  [at('*'), at('::1'), true],
  [{ unix: '/a' }, { unix: '/a' }, true],
  [{ unix: '/a' }, { unix: '/b' }, false],
  [{ unix: '/a' }, at('*'), false],
]
test('two listeners are one place when they cannot both be opened', () => {
  for (const [one, other, same] of places) assert.is(isSamePlace(one, other), same, JSON.stringify([one, other]))
})

test('a port below 1024 is a fault unless systemd passes a socket of that address', async () => {
  const loaded = requireLoaded(
    await loadText(
      'listen:\n - { address: 127.0.0.1, port: 80 }\n - { address: ::1, port: 80 }\n - { address: ::1, port: 1024 }',
    ),
  )
  const faults = privilegedPortFaults(loaded, [at('127.0.0.1'), { unix: '/x' }, at('::1', 81)])
  assert.equal(faults.map(briefly), [
    '3:4 listen[1].port: port 80 is below 1024, expected a socket of that address passed by systemd',
  ])
  assert.equal(privilegedPortFaults(loaded, [at('127.0.0.1'), at('::1')]), [])
})

test.run()
