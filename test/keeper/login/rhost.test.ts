/** What PAM modules such as pam_access are told of where a login comes from. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { remoteHost } from '../../../server/keeper/login/rhost.ts'

const test = suite('login rhost')

const cases = [
  { name: 'somebody at this machine has no remote host', local: true, source: 'uid:1000', expect: '' },
  { name: 'root on its own socket has none', local: true, source: 'root', expect: '' },
  { name: 'an IPv4 address is told as it is', local: false, source: 'ip:203.0.113.7', expect: '203.0.113.7' },
  { name: 'of IPv6 the network is told', local: false, source: 'ip6:2001:db8::/64', expect: '2001:db8::' },
  { name: 'a proxy of this machine is not local', local: false, source: 'uid:33', expect: '127.0.0.1' },
  { name: 'the UNIX socket is not local', local: false, source: 'unix', expect: '127.0.0.1' },
  { name: 'an unknown origin is not local', local: false, source: 'unknown', expect: '127.0.0.1' },
  {
    name: 'a source that a gate invents is no host name',
    local: false,
    source: 'ip:evil.example',
    expect: '127.0.0.1',
  },
  { name: 'a source with a control character is none', local: false, source: 'ip6:\n/64', expect: '127.0.0.1' },
]

for (const { name, local, source, expect } of cases) test(name, () => assert.is(remoteHost({ local, source }), expect))

test.run()
