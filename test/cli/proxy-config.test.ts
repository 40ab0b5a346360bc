/** What proxy-config prints, and what it does not let into it. The proxies themselves are asked in e2e/proxy. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { type ProxyName, proxies, writeSnippet } from '../../cli/proxy-snippet.ts'
import { createPerson, type Person } from './run.ts'

const test = suite<{ person: Person }>('cli/proxy-config')
test.before(context => {
  context.person = createPerson(64_330, '/nonexistent')
})
test.after(({ person }) => person.remove())

test("every proxy's text opens with what postern needs", () => {
  for (const proxy of Object.keys(proxies) as ProxyName[]) {
    const text = writeSnippet(proxy, { upstream: { address: '[::1]:7640' }, path: '/', name: 'box.example' })
    assert.match(text, /^# {3}trusted_proxies: \['::1'\]$/m)
    assert.match(text, /^# {3}hosts: \[box\.example\]$/m)
  }
})

test("traefik's is YAML, at / and below a path", () => {
  const upstream = { address: '127.0.0.1:7640' }
  const { http } = parse(writeSnippet('traefik', { upstream, path: '/sub/', name: 'box.example' }))
  assert.is(http.routers.postern.rule, 'Host(`box.example`) && PathPrefix(`/sub`)')
  for (const middleware of http.routers.postern.middlewares) assert.ok(http.middlewares[middleware])
  assert.equal(http.middlewares['postern-strip'].stripPrefix.prefixes, ['/sub'])
  const { regex, replacement } = http.middlewares['postern-slash'].redirectRegex
  assert.is(
    'https://box.example/sub'.replace(new RegExp(regex), replacement.replace(/[{}]/g, '')),
    'https://box.example/sub/',
  )
  assert.equal(http.services.postern.loadBalancer.servers, [{ url: 'http://127.0.0.1:7640' }])
  const root = parse(writeSnippet('traefik', { upstream, path: '/', name: null }))
  assert.is(root.http.routers.postern.rule, 'PathPrefix(`/`)')
})

test('without an instance it takes the default places', async ({ person }) => {
  assert.match((await person.run(['proxy-config', 'nginx'])).stdout, /unix:\/run\/postern-gate\/http\.sock:/)
  assert.match((await person.run(['proxy-config', 'haproxy'])).stdout, /server postern 127\.0\.0\.1:7640/)
})

const wrong: string[][] = [
  ['lighttpd'],
  ['nginx', '--path', 'sub'],
  ['nginx', '--path', '/a;b/'],
  ['nginx', '--path', '/../'],
  ['nginx', '--path', '//evil/'],
  ['nginx', '--name', 'box]'],
  ['nginx', '--name', 'box\nhosts: [evil]'],
  ['nginx', '--socket', 'relative.sock'],
  ['nginx', '--socket', '/a b'],
  ['nginx', '--address', '192.0.2.1:7640'],
  ['nginx', '--socket', '--address'],
  ['traefik', '--socket'],
]
for (const words of wrong)
  test(`refuses ${JSON.stringify(words)}`, async ({ person }) => {
    const { status, stdout } = await person.run(['proxy-config', ...words])
    assert.equal([status, stdout], [64, ''])
  })

test.run()
