/** The Host field: ours, or refused. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createHostCheck, isLoopbackHost, parseHost, visiblePort } from '../../server/gate/host.ts'

const test = suite('gate/host')
const check = createHostCheck({ hostname: 'Box', fqdn: 'box.example.org', hosts: ['Door.example.', '2001:db8::5'] })

const ours: [value: string, hostname: string, port: number | null][] = [
  ['127.0.0.1:7640', '127.0.0.1', 7640],
  ['127.0.0.1.', '127.0.0.1', null],
  ['192.0.2.7', '192.0.2.7', null],
  ['[::1]:7640', '::1', 7640],
  ['[2001:DB8::1]', '2001:db8::1', null],
  ['localhost', 'localhost', null],
  ['LOCALHOST:80', 'localhost', 80],
  ['localhost.:7640', 'localhost', 7640],
  ['kiosk.localhost', 'kiosk.localhost', null],
  ['box', 'box', null],
  ['BOX.LOCAL:1', 'box.local', 1],
  ['box.example.org.', 'box.example.org', null],
  ['door.example:65535', 'door.example', 65535],
]
for (const [value, hostname, port] of ours)
  test(`takes ${value}`, () => {
    const answer = check([value])
    assert.ok(answer.ok)
    if (answer.ok) assert.equal({ ...answer.host }, { hostname, port, authority: value.toLowerCase() })
  })

const refused: [value: string, reason: string][] = [
  ['evil.example', 'host_unknown'],
  ['127.0.0.1.evil.example', 'host_unknown'],
  ['localhost.evil.example', 'host_unknown'],
  ['evillocalhost', 'host_unknown'],
  ['box.evil.example', 'host_unknown'],
  ['box.example.org.evil.example', 'host_unknown'],
  ['2130706433', 'host_unknown'],
  ['0x7f.1', 'host_unknown'],
  ['127.1', 'host_unknown'],
  ['door.example.local', 'host_unknown'],
  ['', 'host_missing'],
  [' ', 'host_malformed'],
  ['evil@localhost', 'host_malformed'],
  ['localhost@evil.example', 'host_malformed'],
  ['localhost:80@evil.example', 'host_malformed'],
  ['localhost/evil', 'host_malformed'],
  ['localhost#', 'host_malformed'],
  ['localhost\\evil', 'host_malformed'],
  ['localhost,evil.example', 'host_malformed'],
  ['localhost, localhost', 'host_malformed'],
  ['%6cocalhost', 'host_malformed'],
  ['local host', 'host_malformed'],
  ['.', 'host_malformed'],
  ['localhost..', 'host_malformed'],
  ['.localhost', 'host_malformed'],
  ['a..localhost', 'host_malformed'],
  ['localhost:', 'host_malformed'],
  ['localhost:0', 'host_malformed'],
  ['localhost:080', 'host_malformed'],
  ['localhost:65536', 'host_malformed'],
  ['localhost:999999', 'host_malformed'],
  ['localhost:80:80', 'host_malformed'],
  ['localhost:http', 'host_malformed'],
  ['::1', 'host_malformed'],
  ['[::1', 'host_malformed'],
  ['[]', 'host_malformed'],
  ['[:::]', 'host_malformed'],
  ['[127.0.0.1]', 'host_malformed'],
  ['[fe80::1%25eth0]', 'host_malformed'],
  ['[::1]evil', 'host_malformed'],
  ['[::1]@evil', 'host_malformed'],
  ['b\u00f6x', 'host_malformed'],
  ['localhost\u0000', 'host_malformed'],
  ['localhost\n', 'host_malformed'],
  [`${'a.'.repeat(150)}localhost`, 'host_malformed'],
  [`${'a'.repeat(64)}.localhost`, 'host_malformed'],
]
for (const [value, reason] of refused)
  test(`refuses ${JSON.stringify(value).slice(0, 40)} as ${reason}`, () => {
    const answer = check([value])
    assert.not(answer.ok)
    if (!answer.ok) assert.is(answer.reason, reason)
  })

test('refuses a request without a Host', () => {
  assert.equal(check([]), { ok: false, reason: 'host_missing', detail: 'the request names no host' })
})

test('refuses two Hosts, equal ones too', () => {
  for (const values of [
    ['localhost', 'evil.example'],
    ['localhost', 'localhost'],
    ['localhost', ''],
  ]) {
    const answer = check(values)
    assert.is(answer.ok ? 'ok' : answer.reason, 'host_duplicate')
  }
})

test('answers stay the same however many hosts were asked for', () => {
  const busy = createHostCheck({ hostname: 'box', fqdn: null, hosts: [] })
  for (let round = 0; round < 2; round++)
    for (let last = 1; last < 200; last++) {
      assert.ok(busy([`192.0.2.${last}`]).ok)
      assert.not(busy([`192.0.2.${last}.evil.example`]).ok)
    }
  assert.not(busy(['192.0.2.1', '192.0.2.1']).ok)
  assert.is(busy(['192.0.2.64']), busy(['192.0.2.64']), 'the first 64 are remembered')
  assert.is.not(busy(['192.0.2.65']), busy(['192.0.2.65']), 'no more than these')
})

test('a refusal names what was seen', () => {
  const answer = check(['Evil.example:80'])
  assert.is(
    answer.ok ? '' : answer.detail,
    '"evil.example" is not a name of this machine; if it is one, write hosts: [evil.example]',
  )
})

test('a machine named by its FQDN is known by its first label too', () => {
  const full = createHostCheck({ hostname: 'box.example.org', fqdn: null, hosts: [] })
  for (const value of ['box.example.org', 'box', 'box.local']) assert.ok(full([value]).ok, value)
  assert.not(full(['example.org']).ok)
})

test('a host name that is no name adds none', () => {
  const nameless = createHostCheck({ hostname: '(none)', fqdn: '', hosts: [] })
  assert.not(nameless(['none']).ok)
  assert.ok(nameless(['localhost']).ok)
})

test('an entry of hosts with a port or anything else is a fault at start', () => {
  for (const entry of ['box:80', 'http://box', '*', '*.example.org', '', 'a b'])
    assert.throws(() => createHostCheck({ hostname: 'box', fqdn: null, hosts: [entry] }), /hosts: ".*" is not a name/)
})

const loopback: [value: string, expected: boolean][] = [
  ['localhost:7640', true],
  ['LocalHost.', true],
  ['a.b.localhost', true],
  ['127.9.9.9', true],
  ['[::1]:7640', true],
  ['[::ffff:7f00:1]', true],
  ['0.0.0.0', false],
  ['[::]', false],
  ['192.0.2.1', false],
  ['box', false],
  ['xlocalhost', false],
]
for (const [value, expected] of loopback)
  test(`${value} ${expected ? 'means' : 'need not mean'} this machine`, () => {
    const host = parseHost(value)
    assert.ok(host)
    assert.is(host && isLoopbackHost(host), expected)
  })

test('the visible port is the Host’s, else the scheme’s', () => {
  assert.is(visiblePort(parseHost('box:7643'), 'https'), 7643)
  assert.is(visiblePort(parseHost('box'), 'https'), 443)
  assert.is(visiblePort(parseHost('box'), 'http'), 80)
  assert.is(visiblePort(null, 'http'), 80)
})

test.run()
