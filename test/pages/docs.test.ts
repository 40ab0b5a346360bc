/** The reference of the API, and its examples in a real shell. */
import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeRoutes, type Route } from '../../server/operations/route.ts'
import { curlExample } from '../../server/pages/curl-example.ts'
import { docsPage } from '../../server/pages/docs.ts'
import { findAll, parseHtml, textOf } from './parse-html.ts'

const test = suite('pages/docs')
const routes = describeRoutes()
const page = parseHtml(docsPage({ hostname: 'gatehouse', origin: 'http://127.0.0.1:7640', routes, signedIn: true }))

/** The words that a shell makes of an example, but for `curl`. */
function wordsOf(example: string): string[] {
  const script = `curl() { for word do printf '%s\\0' "$word"; done; }\n${example}`
  return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)
}

test('has every operation of HTTP once, and none of the link alone', () => {
  const expected = Object.entries(routes).flatMap(([name, { path }]) => (path === null ? [] : [name]))
  const articles = findAll(page, 'article')
  assert.equal(
    articles.map(({ attributes }) => attributes.get('id')),
    expected,
  )
  assert.not(expected.includes('session.resolve'))
  const links = findAll(findAll(page, 'dl')[0] ?? page, 'a').map(({ attributes }) => attributes.get('href'))
  assert.equal(links.toSorted(), expected.map(name => `#${name}`).toSorted())
})

test('says method, path, access, summary and inputs', () => {
  const article = findAll(page, 'article').find(({ attributes }) => attributes.get('id') === 'session.revoke')
  const text = textOf(article ?? page)
  assert.match(text, 'DELETE /postern/v1/sessions/{id}')
  assert.match(text, 'For everybody who is signed in.')
  assert.match(text, 'Ends one session')
  assert.match(text, 'yes, in the path')
  assert.match(textOf(page), 'Needs throttle.read.')
  assert.ok(findAll(page, 'a').some(({ attributes }) => attributes.get('href') === '/postern/v1/openapi.json'))
})

test('offers the way out to those who are in, the way in to the others', () => {
  const outside = parseHtml(docsPage({ hostname: 'g', origin: 'http://g', routes: {}, signedIn: false }))
  assert.equal(findAll(outside, 'form'), [])
  assert.ok(findAll(outside, 'a').some(({ attributes }) => attributes.get('href') === '/login'))
  assert.is(findAll(page, 'form')[0]?.attributes.get('action'), '/postern/logout')
})

const text = { type: 'string', required: true, about: '' } as const
const base: Route = { summary: '', method: 'GET', path: '/a', access: 'public', input: {} }

const examples: { name: string; route: Route; expect: string[] }[] = [
  { name: 'a public GET', route: base, expect: ['ORIGIN/a'] },
  {
    name: 'required inputs of a GET in the query, others nowhere',
    route: { ...base, input: { b: text, c: { ...text, type: 'integer' }, d: { ...text, required: false } } },
    expect: ['ORIGIN/a?b=B&c=1'],
  },
  {
    name: 'a POST with JSON and the header from a file',
    route: { ...base, method: 'POST', access: 'session', input: { b: { ...text, type: 'array' } } },
    expect: ['-H', '@header', '--json', '{"b":["B"]}', 'ORIGIN/a'],
  },
  {
    name: 'a DELETE with its input in the path',
    route: { ...base, method: 'DELETE', path: '/a/{id}', access: 'a.b', input: { id: text } },
    expect: ['-X', 'DELETE', '-H', '@header', 'ORIGIN/a/ID'],
  },
]

for (const { name, route, expect } of examples)
  for (const origin of ['http://127.0.0.1:7640', "http://x'$(id)`id`;&|\\\n"])
    test(`${name}, at ${JSON.stringify(origin)}, is these words to a shell`, () => {
      assert.equal(
        wordsOf(curlExample(route, origin)),
        expect.map(word => word.replace('ORIGIN', () => origin)),
      )
    })

test('no example shows a token or a password on a command line', () => {
  for (const route of Object.values(routes))
    assert.not.match(curlExample(route, 'http://g'), /Bearer|\$TOKEN|password/i, route.summary)
})

test.run()
