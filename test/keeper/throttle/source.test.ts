/** Which source an address or a uid is. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isSharedSource, parseSource } from '../../../server/keeper/throttle/source.ts'

const test = suite('throttle source')

const cases: { name: string; given: string | number; expect: string }[] = [
  { name: 'an IPv4 address is itself', given: '203.0.113.7', expect: 'ip:203.0.113.7' },
  { name: 'an IPv4-mapped address is the IPv4 address', given: '::ffff:203.0.113.7', expect: 'ip:203.0.113.7' },
  { name: 'a hexadecimal IPv4-mapped address too', given: '::FFFF:cb00:7107', expect: 'ip:203.0.113.7' },
  { name: 'an IPv6 address is its /64', given: '2001:db8:1:2:3:4:5:6', expect: 'ip6:2001:db8:1:2::/64' },
  { name: 'two spellings are one source', given: '2001:0DB8:0000::1', expect: 'ip6:2001:db8::/64' },
  { name: 'zeros inside the network are kept', given: '2001:0:0:1::9', expect: 'ip6:2001:0:0:1::/64' },
  { name: 'a zone is ignored', given: 'fe80::1%eth0', expect: 'ip6:fe80::/64' },
  { name: 'the IPv6 loopback is a /64 as well', given: '::1', expect: 'ip6:::/64' },
  { name: 'all of 127.0.0.0/8 is one source', given: '127.99.3.4', expect: 'ip:127.0.0.1' },
  { name: 'a mapped loopback address is that source', given: '::ffff:127.0.0.2', expect: 'ip:127.0.0.1' },
  { name: 'a uid is itself', given: 1000, expect: 'uid:1000' },
  { name: 'uid 0 is a uid, not root on its own socket', given: 0, expect: 'uid:0' },
  { name: 'the uid that means nobody knows is unknown', given: 0xffff_ffff, expect: 'unknown' },
  { name: 'uids without an account are one source', given: 'uid:unnamed', expect: 'uid:unnamed' },
  { name: 'a negative uid is unknown', given: -1, expect: 'unknown' },
  { name: 'a broken uid is unknown', given: 1.5, expect: 'unknown' },
  { name: 'unix is itself', given: 'unix', expect: 'unix' },
  { name: 'nobody becomes root by saying so', given: 'root', expect: 'unknown' },
  { name: 'an octal-looking address is unknown', given: '0203.0.113.7', expect: 'unknown' },
  { name: 'a short address is unknown', given: '127.1', expect: 'unknown' },
  { name: 'a name is unknown', given: 'localhost', expect: 'unknown' },
  { name: 'an address with a port is unknown', given: '203.0.113.7:80', expect: 'unknown' },
  { name: 'a bracketed address is unknown', given: '[::1]', expect: 'unknown' },
  { name: 'nothing is unknown', given: '', expect: 'unknown' },
  { name: 'another prefix length is unknown', given: 'ip6:2001:db8::/48', expect: 'unknown' },
]

for (const { name, given, expect } of cases) {
  test(name, () => assert.is(parseSource(given), expect))
  test(`${name}, and its own form is read back`, () => assert.is(parseSource(expect), expect))
}

test('strangers share what is nobody’s, and nothing else', () => {
  for (const source of ['unix', 'unknown', 'uid:unnamed'] as const) assert.ok(isSharedSource(source))
  for (const source of ['uid:1000', 'ip:203.0.113.7', 'ip6:2001:db8::/64'] as const) assert.not(isSharedSource(source))
})

test.run()
