/** What a refusal says to write into the configuration. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { adviseOrigin } from '../../server/gate/advice.ts'
import { createClientResolver } from '../../server/gate/client-address.ts'
import type { HeaderFields } from '../../server/gate/header.ts'

const test = suite('gate/advice')
const origin = 'https://box.example'

const table: [
  name: string,
  trusted: string[],
  from: string | undefined,
  headers: HeaderFields,
  expected: RegExp | null,
][] = [
  [
    'a proxy that is not trusted',
    [],
    '10.0.0.1',
    { origin, 'x-forwarded-for': '1.2.3.4' },
    /10\.0\.0\.1 passed it on and is not trusted; if that is a proxy of yours, write trusted_proxies: \[10\.0\.0\.1\]$/,
  ],
  ['a proxy on a dual-stack socket', [], '::ffff:10.0.0.1', { origin, forwarded: 'for=a' }, /\[10\.0\.0\.1\]$/],
  [
    'a proxy on the UNIX socket',
    [],
    undefined,
    { origin },
    /if that is a proxy of yours, write trusted_proxies: \[unix\]$/,
  ],
  ['a stranger', [], '192.0.2.7', { origin }, /^it came from 192\.0\.2\.7; if that is a proxy of yours, /],
  ['a trusted proxy that says nothing', ['10.0.0.1'], '10.0.0.1', { origin }, /X-Forwarded-Proto and X-Forwarded-Host/],
  [
    'a trusted proxy that does not say the scheme',
    ['10.0.0.1'],
    '10.0.0.1',
    { origin, 'x-forwarded-host': 'a' },
    /send X-Forwarded-Proto:/,
  ],
  [
    'a trusted proxy that says it all',
    ['10.0.0.1'],
    '10.0.0.1',
    { origin, 'x-forwarded-host': 'a', 'x-forwarded-proto': 'https' },
    null,
  ],
  ['a page of another site', [], '10.0.0.1', { origin, 'sec-fetch-site': 'cross-site' }, null],
  ['a sandboxed page', [], '10.0.0.1', { origin: 'null' }, null],
  ['a request without an Origin', [], '10.0.0.1', {}, null],
]
for (const [name, trusted, remoteAddress, headers, expected] of table)
  test(name, () => {
    const peer = { remoteAddress, viaUnix: remoteAddress === undefined, tls: false }
    const client = createClientResolver(trusted)(peer, headers)
    const advice = adviseOrigin({ headers, client, remoteAddress })
    if (expected === null) assert.is(advice, null)
    else assert.match(advice ?? '', expected)
  })

test.run()
