/** Where a request comes from. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkOrigin, type OriginQuestion } from '../../server/gate/origin.ts'

const test = suite('gate/origin')

const base: OriginQuestion = {
  method: 'POST',
  secFetchSite: undefined,
  origin: undefined,
  scheme: 'http',
  host: '127.0.0.1:7640',
  websocket: false,
}
const own = 'http://127.0.0.1:7640'
const socket = { method: 'GET', websocket: true }
type Row = [name: string, given: Partial<OriginQuestion>, expected: 'ok' | 'origin_foreign' | 'origin_missing']

const table: Row[] = [
  ['a post from this origin', { secFetchSite: 'same-origin', origin: own }, 'ok'],
  ['a post that only Sec-Fetch-Site speaks for', { secFetchSite: 'same-origin' }, 'ok'],
  ['a post that only Origin speaks for', { origin: own }, 'ok'],
  [
    'a post behind a TLS proxy that does not say so',
    { secFetchSite: 'same-origin', origin: 'https://127.0.0.1:7640' },
    'ok',
  ],
  ['a post from another port', { secFetchSite: 'same-site', origin: 'http://127.0.0.1:9' }, 'origin_foreign'],
  ['a same-site post whose Origin looks right', { secFetchSite: 'same-site', origin: own }, 'origin_foreign'],
  ['a cross-site post', { secFetchSite: 'cross-site', origin: 'http://evil.example' }, 'origin_foreign'],
  ['a cross-site post whose Origin looks right', { secFetchSite: 'cross-site', origin: own }, 'origin_foreign'],
  ['a post from no page', { secFetchSite: 'none' }, 'origin_foreign'],
  ['a post from no page with our Origin', { secFetchSite: 'none', origin: own }, 'origin_foreign'],
  ['a post with neither', {}, 'origin_missing'],
  ['a delete with neither', { method: 'DELETE' }, 'origin_missing'],
  ['an unknown method with neither', { method: 'get' }, 'origin_missing'],
  ['a post with Origin null', { origin: 'null' }, 'origin_foreign'],
  ['a post with an empty Origin', { origin: '' }, 'origin_foreign'],
  ['a post with an empty Sec-Fetch-Site and our Origin', { secFetchSite: '', origin: own }, 'origin_foreign'],
  ['two Sec-Fetch-Site', { secFetchSite: 'same-origin, same-origin' }, 'origin_foreign'],
  ['a Sec-Fetch-Site in capitals', { secFetchSite: 'Same-Origin' }, 'origin_foreign'],
  ['two Origins', { origin: `${own}, ${own}` }, 'origin_foreign'],
  ['an Origin with a path', { origin: `${own}/` }, 'origin_foreign'],
  ['an Origin with a user', { origin: 'http://a@127.0.0.1:7640' }, 'origin_foreign'],
  ['an Origin that begins like ours', { origin: `${own}.evil.example` }, 'origin_foreign'],
  ['an Origin of another scheme', { origin: 'https://127.0.0.1:7640' }, 'origin_foreign'],
  ['an Origin of another name for this machine', { origin: 'http://localhost:7640' }, 'origin_foreign'],
  ['an Origin on the default port, Host on another', { origin: 'http://127.0.0.1' }, 'origin_foreign'],
  ['an Origin in capitals', { origin: 'HTTP://BOX', host: 'box' }, 'ok'],
  ['a Host that names the default port', { origin: 'http://box', host: 'Box:80' }, 'ok'],
  ['an Origin that names the default port', { origin: 'https://box:443', host: 'box', scheme: 'https' }, 'ok'],
  ['the other scheme’s default port', { origin: 'http://box', host: 'box:443' }, 'origin_foreign'],
  ['IPv6', { origin: 'http://[::1]:7640', host: '[::1]:7640' }, 'ok'],
  ['a name with a trailing dot against one without', { origin: 'http://box.', host: 'box' }, 'origin_foreign'],
  ['an Origin when there was no Host', { origin: 'http://', host: null }, 'origin_foreign'],
  ['Sec-Fetch-Site when there was no Host', { secFetchSite: 'same-origin', host: null }, 'ok'],

  ['a GET typed into the address bar', { method: 'GET', secFetchSite: 'none' }, 'ok'],
  ['a HEAD from no page', { method: 'HEAD', secFetchSite: 'none' }, 'origin_foreign'],
  ['a GET from this origin', { method: 'GET', secFetchSite: 'same-origin' }, 'ok'],
  ['a GET with neither', { method: 'GET' }, 'ok'],
  ['a HEAD with neither', { method: 'HEAD' }, 'ok'],
  ['a GET from another port', { method: 'GET', secFetchSite: 'same-site' }, 'origin_foreign'],
  ['a cross-site GET', { method: 'GET', secFetchSite: 'cross-site' }, 'origin_foreign'],
  ['a GET with a foreign Origin', { method: 'GET', origin: 'http://evil.example' }, 'origin_foreign'],

  ['a WebSocket of this origin', { ...socket, secFetchSite: 'same-origin', origin: own }, 'ok'],
  ['a WebSocket with our Origin alone', { ...socket, origin: own }, 'ok'],
  ['a WebSocket with Sec-Fetch-Site alone', { ...socket, secFetchSite: 'same-origin' }, 'ok'],
  ['a WebSocket with neither', socket, 'origin_missing'],
  ['a WebSocket from no page', { ...socket, secFetchSite: 'none' }, 'origin_foreign'],
  ['a WebSocket from no page with our Origin', { ...socket, secFetchSite: 'none', origin: own }, 'origin_foreign'],
  ['a WebSocket with a foreign Origin', { ...socket, origin: 'http://evil.example' }, 'origin_foreign'],
  [
    'a WebSocket called same-origin with a foreign Origin',
    { ...socket, secFetchSite: 'same-origin', origin: 'http://evil.example' },
    'origin_foreign',
  ],
  [
    'a WebSocket called same-origin from another port',
    { ...socket, secFetchSite: 'same-origin', origin: 'http://127.0.0.1:9' },
    'origin_foreign',
  ],
  ['a WebSocket with Origin null', { ...socket, secFetchSite: 'same-origin', origin: 'null' }, 'origin_foreign'],
  [
    'a WebSocket behind a TLS proxy that does not say so',
    { ...socket, secFetchSite: 'same-origin', origin: 'https://box', host: 'box' },
    'ok',
  ],
  [
    'the same from a browser without Sec-Fetch-Site',
    { ...socket, origin: 'https://box', host: 'box' },
    'origin_foreign',
  ],
  [
    'a WebSocket from another port of the site',
    { ...socket, secFetchSite: 'same-site', origin: own },
    'origin_foreign',
  ],
  [
    'a WebSocket when there was no Host',
    { ...socket, secFetchSite: 'same-origin', origin: own, host: null },
    'origin_foreign',
  ],
]
for (const [name, given, expected] of table)
  test(`${expected === 'ok' ? 'takes' : 'refuses'} ${name}`, () => {
    const answer = checkOrigin({ ...base, ...given })
    assert.is(answer.ok ? 'ok' : answer.reason, expected)
  })

test('a refusal names what was seen and what was expected', () => {
  const foreign = checkOrigin({ ...base, origin: 'https://evil.example\u0007' })
  assert.is(foreign.ok ? '' : foreign.detail, 'Origin "https://evil.example?", expected "http://127.0.0.1:7640"')
  const site = checkOrigin({ ...base, secFetchSite: 'same-site' })
  assert.is(site.ok ? '' : site.detail, 'Sec-Fetch-Site "same-site", expected "same-origin"')
})

test.run()
