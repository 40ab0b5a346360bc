/** The one place that decides what is local. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseHost } from '../../server/gate/host.ts'
import { isLocal, type LocalQuestion } from '../../server/gate/local.ts'

const test = suite('gate/local')

const base: LocalQuestion = {
  remoteAddress: '127.0.0.1',
  viaUnix: false,
  headers: { host: 'localhost:7640', 'user-agent': 'x', 'x-forward': '', accept: '*/*' },
  host: parseHost('localhost:7640'),
  trustedProxy: false,
  uid: 1000,
  kioskUid: 990,
}
type Row = [name: string, given: Partial<LocalQuestion>]

const local: Row[] = [
  ['a person', {}],
  ['root', { uid: 0 }],
  ['the kiosk, whose uid is a system uid', { uid: 990 }],
  ['a person of a directory', { uid: 1_234_567 }],
  ['a person of systemd-homed', { uid: 60_001 }],
  ['the last uid before and the first after those of DynamicUser', { uid: 61_183 }],
  ['a uid above nobody', { uid: 65_536 }],
  ['IPv6', { remoteAddress: '::1', host: parseHost('[::1]:7640') }],
  ['IPv4 on a dual-stack socket', { remoteAddress: '::ffff:127.0.0.1', host: parseHost('127.0.0.1:7640') }],
  ['any loopback address', { remoteAddress: '127.3.2.1', host: parseHost('kiosk.localhost') }],
]
for (const [name, given] of local) test(`${name} is local`, () => assert.ok(isLocal({ ...base, ...given })))

const not: Row[] = [
  ['another machine', { remoteAddress: '192.0.2.1' }],
  ['another machine on a dual-stack socket', { remoteAddress: '::ffff:192.0.2.1' }],
  ['a closed connection', { remoteAddress: undefined }],
  ['the UNIX socket', { viaUnix: true }],
  ['the UNIX socket without an address', { viaUnix: true, remoteAddress: undefined }],
  ['a trusted proxy', { trustedProxy: true }],
  ['a request without a Host', { host: null }],
  ['a rebound name', { host: parseHost('evil.example:7640') }],
  ['the machine’s own network name', { host: parseHost('box.local') }],
  ['the unspecified address as Host', { host: parseHost('0.0.0.0:7640') }],
  ['an unknown uid', { uid: null }],
  ['an unknown uid when there is no kiosk', { uid: null, kioskUid: null }],
  ['a reverse proxy', { uid: 33 }],
  ['the last system uid', { uid: 999 }],
  ['the kiosk’s uid when there is no kiosk', { uid: 990, kioskUid: null }],
  ['the first uid of DynamicUser', { uid: 61_184 }],
  ['the last uid of DynamicUser', { uid: 65_519 }],
  ['nobody, who is also whom the kernel cannot map', { uid: 65_534 }],
]
for (const [name, given] of not) test(`${name} is not local`, () => assert.not(isLocal({ ...base, ...given })))

for (const field of [
  'forwarded',
  'via',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-anything',
])
  test(`a request with ${field} is not local, be it empty`, () => {
    assert.not(isLocal({ ...base, headers: { ...base.headers, [field]: '' } }))
    assert.not(isLocal({ ...base, headers: { ...base.headers, [field]: ['127.0.0.1'] } }))
  })

test.run()
