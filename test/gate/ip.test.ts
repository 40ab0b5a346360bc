/** IP addresses as text and bytes. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ipv6Prefix64, isLoopback, parseIp } from '../../server/gate/ip.ts'

const test = suite('gate/ip')

const readable: [text: string, family: number, hex: string, canonical?: string][] = [
  ['127.0.0.1', 4, '7f000001'],
  ['255.255.255.255', 4, 'ffffffff'],
  ['::', 6, '00000000000000000000000000000000'],
  ['::1', 6, '00000000000000000000000000000001'],
  ['1::', 6, '00010000000000000000000000000000'],
  ['2001:DB8::a:b', 6, '20010db80000000000000000000a000b', '2001:db8::a:b'],
  ['1:2:3:4:5:6:7:8', 6, '00010002000300040005000600070008'],
  ['64:ff9b::192.0.2.1', 6, '0064ff9b0000000000000000c0000201'],
  ['::ffff:192.0.2.1', 4, 'c0000201', '192.0.2.1'],
  ['::FFFF:c000:201', 4, 'c0000201', '192.0.2.1'],
  ['::192.0.2.1', 6, '000000000000000000000000c0000201'],
  ['fe80::1%eth0', 6, 'fe800000000000000000000000000001', 'fe80::1'],
]
for (const [text, family, hex, canonical] of readable)
  test(`reads ${text}`, () => {
    const ip = parseIp(text)
    assert.is(ip?.family, family)
    assert.is(Buffer.from(ip?.bytes ?? []).toString('hex'), hex)
    assert.is(ip?.text, canonical ?? text)
  })

for (const text of [
  '',
  'localhost',
  '127.1',
  '0x7f.0.0.1',
  '2130706433',
  '127.0.0.01',
  '1.2.3.4:80',
  '[::1]',
  ':::',
  '1::2::3',
  ' ::1',
])
  test(`does not read ${JSON.stringify(text)}`, () => assert.is(parseIp(text), null))

test('no text is no address', () => assert.is(parseIp(undefined), null))

const loopback: [text: string, expected: boolean][] = [
  ['127.0.0.1', true],
  ['127.255.255.254', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['::2', false],
  ['1::1', false],
  ['128.0.0.1', false],
  ['10.127.0.1', false],
  ['::127.0.0.1', false],
  ['localhost', false],
]
for (const [text, expected] of loopback)
  test(`${text} is ${expected ? '' : 'not '}loopback`, () => assert.is(isLoopback(parseIp(text)), expected))

const prefixes: [text: string, prefix: string][] = [
  ['::1', '::/64'],
  ['2001:db8::1', '2001:db8::/64'],
  ['2001:db8:0:1:ffff::', '2001:db8:0:1::/64'],
  ['2001:db8:aa00:b0:1:2:3:4', '2001:db8:aa00:b0::/64'],
  ['0:0:0:1::9', '0:0:0:1::/64'],
]
for (const [text, prefix] of prefixes)
  test(`${text} lies in ${prefix}`, () => {
    const ip = parseIp(text)
    assert.ok(ip)
    assert.is(ip && ipv6Prefix64(ip), prefix)
  })

test.run()
