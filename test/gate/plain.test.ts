/** Plain HTTP: whom it is served to, and where others are sent. */
import type { IncomingMessage } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openVisit } from '../../server/gate/enter.ts'
import type { Gate } from '../../server/gate/gate.ts'
import { parseHost } from '../../server/gate/host.ts'
import { findSecureUrl, mayBeServed } from '../../server/gate/plain.ts'
import { createState, type GateState } from '../../server/gate/state.ts'
import { rememberUnix } from '../../server/gate/unix-connection.ts'
import { Visit } from '../../server/gate/visit.ts'
import type { GateSettings } from '../../server/link/message.ts'

const test = suite('gate/plain')

function stateOf(more: Partial<GateSettings>): GateState {
  return createState({
    listen: [],
    hostname: 'box',
    fqdn: null,
    hosts: [],
    trusted_proxies: ['192.0.2.9', 'unix'],
    tls: null,
    hsts_seconds: 0,
    kiosk_uid: null,
    cookie_seconds: 60,
    issuer: 'postern',
    jwks: { keys: [] },
    verify_at_keeper: true,
    log_level: 'info',
    version: '0',
    ...more,
  })
}

/** A request as far as the decision looks at it. */
function requestOf(socket: object, more: object = {}): IncomingMessage {
  return { socket, url: '/a?b=c', headers: {}, ...more } as IncomingMessage
}

const forged = { forwarded: 'for=127.0.0.1;proto=https', 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' }
const rows: [name: string, socket: object, headers: object, served: boolean][] = [
  ['this machine', { remoteAddress: '127.0.0.1' }, {}, true],
  ['this machine by IPv6', { remoteAddress: '::1' }, {}, true],
  ['this machine on a dual-stack socket', { remoteAddress: '::ffff:127.0.0.1' }, {}, true],
  ['TLS from anywhere', { remoteAddress: '198.51.100.7', encrypted: true }, {}, true],
  ['a trusted proxy', { remoteAddress: '192.0.2.9' }, {}, true],
  ['another machine', { remoteAddress: '198.51.100.7' }, {}, false],
  ['another machine that claims to be a proxy', { remoteAddress: '198.51.100.7' }, forged, false],
  ['a closed connection', {}, {}, false],
]
for (const [name, socket, headers, served] of rows) {
  test(`${name} ${served ? 'is' : 'is not'} served`, () => {
    assert.is(mayBeServed(stateOf({}), requestOf(socket, { headers })), served)
  })
}

test('the UNIX socket is served', () => {
  const { socket } = requestOf({})
  rememberUnix(socket)
  assert.ok(mayBeServed(stateOf({}), requestOf(socket)))
})

test('who is no trusted proxy any more is not served on a connection that is open', () => {
  const request = requestOf({ remoteAddress: '192.0.2.9' })
  assert.ok(mayBeServed(stateOf({}), request))
  assert.not(mayBeServed(stateOf({ trusted_proxies: [] }), request))
})

test('no visit is made of a request that may not be served, whatever door it was handed in by', () => {
  const gate = { state: stateOf({}) } as unknown as Gate
  const rawHeaders = ['Host', '192.0.2.1']
  const refused = openVisit(gate, requestOf({ remoteAddress: '198.51.100.7' }, { rawHeaders }))
  assert.is('refusal' in refused && refused.refusal.reason, 'plain_http')
  assert.ok(
    openVisit(gate, requestOf({ remoteAddress: '198.51.100.7', encrypted: true }, { rawHeaders })) instanceof Visit,
  )
})

const tls = (port: number) => ({ address: '*', port, tls: true })
const plain = { address: '*', port: 80, tls: false }
const urls: [host: string, listen: GateSettings['listen'], localPort: number, expected: string | null][] = [
  ['box', [plain, tls(7643)], 80, 'https://box:7643/a?b=c'],
  ['box:80', [plain, tls(443)], 80, 'https://box/a?b=c'],
  ['[2001:db8::1]:80', [plain, tls(7643)], 80, 'https://[2001:db8::1]:7643/a?b=c'],
  ['192.0.2.1:7643', [tls(7643)], 7643, 'https://192.0.2.1:7643/a?b=c'],
  // A router that hands its port 8443 to our 7643.
  ['box:8443', [tls(7643)], 7643, 'https://box:8443/a?b=c'],
  ['box', [tls(7643)], 7643, 'https://box:7643/a?b=c'],
  ['box', [plain], 80, null],
]
for (const [host, listen, localPort, expected] of urls) {
  test(`${host} at port ${localPort} is sent to ${expected ?? 'nowhere'}`, () => {
    const parsed = parseHost(host)
    assert.ok(parsed)
    if (parsed) assert.is(findSecureUrl(stateOf({ listen }), requestOf({ localPort }), parsed), expected)
  })
}

test('a target that carries a secret is written into no Location', () => {
  const host = parseHost('box')
  const state = stateOf({ listen: [tls(7643)] })
  for (const url of ['/login?token=T', '/login?next=/&TOKEN=T', '/postern/v1/events?ticket=T'])
    if (host) assert.is(findSecureUrl(state, requestOf({ localPort: 80 }, { url }), host), null)
})

test('an absolute target is sent nowhere', () => {
  const host = parseHost('box')
  const request = requestOf({ localPort: 80 }, { url: 'http://evil.example/' })
  if (host) assert.is(findSecureUrl(stateOf({ listen: [tls(7643)] }), request, host), null)
})

test.run()
