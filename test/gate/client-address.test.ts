/** Who a request really comes from. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createClientResolver, sourceOf } from '../../server/gate/client-address.ts'
import type { HeaderFields } from '../../server/gate/header.ts'

const test = suite('gate/client-address')
const resolve = createClientResolver(['10.0.0.0/8', '192.0.2.80', '2001:db8:ffff::/48', '127.0.0.1'])
const peer = (remoteAddress: string | undefined, tls = false) => ({ remoteAddress, viaUnix: false, tls })
const socketPeer = { remoteAddress: undefined, viaUnix: true, tls: false }
const source = (remoteAddress: string, headers: HeaderFields) => sourceOf(resolve(peer(remoteAddress), headers), null)

const xff = (value: string | string[]): HeaderFields => ({ 'x-forwarded-for': value })
const forwarded = (value: string): HeaderFields => ({ forwarded: value })
const table: [name: string, from: string, headers: HeaderFields, expected: string][] = [
  ['a direct peer', '203.0.113.7', {}, 'ip:203.0.113.7'],
  ['a direct peer on a dual-stack socket', '::ffff:203.0.113.7', {}, 'ip:203.0.113.7'],
  ['a direct IPv6 peer, by its /64', '2001:db8:1:2:3::4', {}, 'ip6:2001:db8:1:2::/64'],
  ['a direct peer that claims another', '203.0.113.7', xff('198.51.100.1'), 'ip:203.0.113.7'],
  ['a direct peer that claims another by Forwarded', '203.0.113.7', forwarded('for=198.51.100.1'), 'ip:203.0.113.7'],
  ['a proxy that names nobody', '10.0.0.1', {}, 'ip:10.0.0.1'],
  ['a proxy’s client', '10.0.0.1', xff('203.0.113.7'), 'ip:203.0.113.7'],
  ['a proxy on a dual-stack socket', '::ffff:10.0.0.1', xff('203.0.113.7'), 'ip:203.0.113.7'],
  ['a proxy named alone', '192.0.2.80', xff('203.0.113.7'), 'ip:203.0.113.7'],
  ['a neighbour of a proxy named alone', '192.0.2.81', xff('203.0.113.7'), 'ip:192.0.2.81'],
  ['an IPv6 proxy', '2001:db8:ffff:9::1', xff('203.0.113.7'), 'ip:203.0.113.7'],
  ['the rightmost untrusted address', '10.0.0.1', xff('198.51.100.1, 203.0.113.7'), 'ip:203.0.113.7'],
  [
    'the rightmost untrusted address before two proxies',
    '10.0.0.1',
    xff('198.51.100.1,203.0.113.7 , 10.2.3.4'),
    'ip:203.0.113.7',
  ],
  ['the same in repeated fields', '10.0.0.1', xff(['198.51.100.1', '203.0.113.7']), 'ip:203.0.113.7'],
  ['the furthest proxy when all are trusted', '10.0.0.1', xff('10.9.9.9, 10.2.3.4'), 'ip:10.9.9.9'],
  ['an IPv6 client with a port', '10.0.0.1', xff('[2001:db8::9]:443'), 'ip6:2001:db8::/64'],
  ['a bare IPv6 client', '10.0.0.1', xff('2001:db8::9'), 'ip6:2001:db8::/64'],
  ['a mapped client', '10.0.0.1', xff('::ffff:203.0.113.7'), 'ip:203.0.113.7'],
  ['a client with a port', '10.0.0.1', xff('203.0.113.7:5555'), 'ip:203.0.113.7'],
  ['the proxy when its hop is a word', '10.0.0.1', xff('unknown'), 'ip:10.0.0.1'],
  ['the proxy when the field is empty', '10.0.0.1', xff(''), 'ip:10.0.0.1'],
  ['the proxy when its hop has a zone', '10.0.0.1', xff('fe80::1%eth0'), 'ip:10.0.0.1'],
  ['the proxy when its hop is short-hand', '10.0.0.1', xff('127.1'), 'ip:10.0.0.1'],
  ['the proxy that passed on what cannot be read', '10.0.0.1', xff('198.51.100.1, evil, 10.7.7.7'), 'ip:10.7.7.7'],
  ['the client, whatever garbage stands before it', '10.0.0.1', xff('";,\\, 203.0.113.7'), 'ip:203.0.113.7'],
  ['the client of Forwarded', '10.0.0.1', forwarded('for=203.0.113.7;proto=https;by=10.0.0.1'), 'ip:203.0.113.7'],
  [
    'the rightmost untrusted of Forwarded',
    '10.0.0.1',
    forwarded('for=198.51.100.1, For="203.0.113.7:80", for=10.1.1.1'),
    'ip:203.0.113.7',
  ],
  ['IPv6 of Forwarded', '10.0.0.1', forwarded('for="[2001:db8:cafe::17]:4711"'), 'ip6:2001:db8:cafe::/64'],
  ['the proxy when Forwarded hides the client', '10.0.0.1', forwarded('for=_secret'), 'ip:10.0.0.1'],
  ['the proxy when Forwarded has no for', '10.0.0.1', forwarded('proto=https'), 'ip:10.0.0.1'],
  [
    'the proxy when a stranger left a quote open',
    '10.0.0.1',
    forwarded('for="198.51.100.1, for=203.0.113.7'),
    'ip:10.0.0.1',
  ],
  ['the proxy when a hop says for twice', '10.0.0.1', forwarded('for=198.51.100.1;for=203.0.113.7'), 'ip:10.0.0.1'],
  ['the proxy when an address is not quoted as it must be', '10.0.0.1', forwarded('for=203.0.113.7:80'), 'ip:10.0.0.1'],
  [
    'the client when both fields agree',
    '10.0.0.1',
    { ...xff('1.1.1.1, 203.0.113.7'), ...forwarded('for=203.0.113.7') },
    'ip:203.0.113.7',
  ],
  [
    'the proxy when they differ',
    '10.0.0.1',
    { ...xff('203.0.113.7'), ...forwarded('for=198.51.100.1') },
    'ip:10.0.0.1',
  ],
  [
    'the proxy when a stranger adds the other field',
    '10.0.0.1',
    { ...xff('203.0.113.7'), ...forwarded('x') },
    'ip:10.0.0.1',
  ],
  ['X-Real-IP, which is not asked', '10.0.0.1', { 'x-real-ip': '203.0.113.7' }, 'ip:10.0.0.1'],
]
for (const [name, from, headers, expected] of table)
  test(`the source is ${expected}: ${name}`, () => assert.is(source(from, headers), expected))

test('a direct loopback peer is its uid, else its address', () => {
  const direct = createClientResolver([])
  assert.is(sourceOf(direct(peer('127.0.0.1'), {}), 1000), 'uid:1000')
  assert.is(sourceOf(direct(peer('::1'), {}), 0), 'uid:0')
  assert.is(sourceOf(direct(peer('127.0.0.1'), {}), null), 'ip:127.0.0.1')
  assert.is(sourceOf(direct(peer('203.0.113.7'), {}), 1000), 'ip:203.0.113.7')
})

test('behind a proxy the proxy’s uid is nobody’s', () => {
  assert.is(sourceOf(resolve(peer('127.0.0.1'), xff('203.0.113.7')), 33), 'ip:203.0.113.7')
  assert.is(sourceOf(resolve(peer('127.0.0.1'), xff('127.0.0.1')), 33), 'ip:127.0.0.1')
  assert.is(sourceOf(resolve(peer('127.0.0.1'), {}), 33), 'ip:127.0.0.1')
})

test('the UNIX socket is believed only where unix is trusted', () => {
  const trusting = createClientResolver(['unix'])
  assert.is(sourceOf(trusting(socketPeer, xff('203.0.113.7')), null), 'ip:203.0.113.7')
  assert.is(sourceOf(trusting(socketPeer, {}), null), 'unix')
  assert.ok(trusting(socketPeer, {}).trustedProxy)
  assert.is(sourceOf(resolve(socketPeer, xff('203.0.113.7')), null), 'unix')
  assert.not(resolve(socketPeer, {}).trustedProxy)
  assert.is(sourceOf(trusting(peer('203.0.113.7'), xff('198.51.100.1')), null), 'ip:203.0.113.7')
})

test('a closed connection has one source for all', () => {
  assert.is(sourceOf(resolve(peer(undefined), xff('203.0.113.7')), 1000), 'unknown')
})

test('a range of one address is that address', () => {
  const single = createClientResolver(['192.0.2.9/32', '2001:db8::9/128'])
  for (const trusted of ['192.0.2.9', '2001:db8::9']) assert.ok(single(peer(trusted), {}).trustedProxy)
  for (const other of ['192.0.2.8', '2001:db8::8']) assert.not(single(peer(other), {}).trustedProxy)
})

test('who is a trusted proxy', () => {
  assert.ok(resolve(peer('10.255.255.255'), {}).trustedProxy)
  assert.not(resolve(peer('11.0.0.0'), {}).trustedProxy)
  assert.not(createClientResolver([])(peer('10.0.0.1'), {}).trustedProxy)
})

const schemes: [name: string, from: string, tls: boolean, headers: HeaderFields, expected: string][] = [
  ['plain', '203.0.113.7', false, {}, 'http'],
  ['our own TLS', '203.0.113.7', true, {}, 'https'],
  ['what a stranger says', '203.0.113.7', false, { 'x-forwarded-proto': 'https' }, 'http'],
  ['what a stranger says by Forwarded', '203.0.113.7', false, { forwarded: 'for=1.2.3.4;proto=https' }, 'http'],
  ['what a proxy says', '10.0.0.1', false, { 'x-forwarded-proto': 'HTTPS' }, 'https'],
  ['a proxy that speaks TLS to us alone', '10.0.0.1', true, { 'x-forwarded-proto': 'http' }, 'http'],
  ['a proxy that calls a WebSocket wss', '10.0.0.1', false, { 'x-forwarded-proto': 'wss' }, 'https'],
  ['proxies that agree', '10.0.0.1', false, { 'x-forwarded-proto': 'https, https' }, 'https'],
  ['proxies that do not', '10.0.0.1', false, { 'x-forwarded-proto': 'https, http' }, 'http'],
  ['an unknown scheme', '10.0.0.1', true, { 'x-forwarded-proto': 'gopher' }, 'https'],
  ['a name of Object’s', '10.0.0.1', true, { 'x-forwarded-proto': 'constructor' }, 'https'],
  ['an empty one', '10.0.0.1', true, { 'x-forwarded-proto': '' }, 'https'],
  ['a proxy that says nothing', '10.0.0.1', false, xff('203.0.113.7'), 'http'],
  [
    'the client’s hop of Forwarded',
    '10.0.0.1',
    false,
    forwarded('for=9.9.9.9;proto=http, for=203.0.113.7;proto=https'),
    'https',
  ],
  [
    'fields that differ',
    '10.0.0.1',
    false,
    { ...forwarded('for=203.0.113.7;proto=http'), 'x-forwarded-proto': 'https' },
    'http',
  ],
]
for (const [name, from, tls, headers, expected] of schemes)
  test(`the scheme is ${expected}: ${name}`, () => assert.is(resolve(peer(from, tls), headers).scheme, expected))

test('an entry of trusted_proxies that is no address is a fault at start', () => {
  for (const entry of [
    '',
    'proxy',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/8.0',
    '::/129',
    '/8',
    'Unix',
    '::ffff:10.0.0.0/104',
  ])
    assert.throws(() => createClientResolver([entry]), /trusted_proxies: ".*" is not/, entry)
})

const prefixes: [given: string, expected: string][] = [
  ['/sub', '/sub'],
  ['/sub/', '/sub'],
  ['/a/b.c/~d', '/a/b.c/~d'],
  ['/', ''],
  ['', ''],
  ['sub', ''],
  ['//evil.example', ''],
  ['/\\evil.example', ''],
  ['/a//b', ''],
  ['/..', ''],
  ['/a/../b', ''],
  ['/a"onx="', ''],
  ['/a, /b', ''],
  ['https://evil.example', ''],
  [`/${'a'.repeat(256)}`, ''],
]
for (const [given, expected] of prefixes)
  test(`the prefix ${given.slice(0, 40) || 'nothing'} of a trusted proxy is ${expected || 'none'}`, () =>
    assert.is(resolve(peer('10.0.0.1'), { 'x-forwarded-prefix': given }).prefix, expected))

test('prefix and host of anybody else are nothing', () => {
  const headers = { 'x-forwarded-prefix': '/sub', 'x-forwarded-host': 'box', forwarded: 'for=1.2.3.4;host=box' }
  const { prefix, hosts } = resolve(peer('203.0.113.7'), headers)
  assert.equal([prefix, hosts], ['', []])
})

test('every host that trusted proxies saw is told, each once', () => {
  const hosts = (headers: HeaderFields) => resolve(peer('10.0.0.1'), headers).hosts
  assert.equal(hosts({ 'x-forwarded-host': 'Box:8443' }), ['box:8443'])
  assert.equal(hosts({ 'x-forwarded-host': 'box, BOX' }), ['box'])
  assert.equal(hosts({ 'x-forwarded-host': 'a,b' }), ['a', 'b'])
  assert.equal(hosts({ 'x-forwarded-host': 'box', forwarded: 'for=1.2.3.4;host=box' }), ['box'])
  assert.equal(hosts({ forwarded: 'for=9.9.9.9;host=evil, for=1.2.3.4;host=box' }), ['box'])
  assert.equal(hosts({}), [])
})

test.run()
