/** The header fields every answer carries. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  assetHeaders,
  dataHeaders,
  jsonHeaders,
  pageHeaders,
  problemHeaders,
} from '../../server/gate/security-headers.ts'

const test = suite('gate/security-headers')
const all = { assetHeaders, dataHeaders, jsonHeaders, pageHeaders, problemHeaders }
const directives = (fields: Readonly<Record<string, string>>) =>
  new Map(
    (fields['Content-Security-Policy'] ?? '')
      .split('; ')
      .map(text => [text.split(' ')[0], text.split(' ').slice(1).join(' ')]),
  )

for (const [name, fields] of Object.entries(all)) {
  test(`${name} forbid framing, sniffing and foreign readers`, () => {
    assert.is(fields['X-Content-Type-Options'], 'nosniff')
    assert.is(fields['X-Frame-Options'], 'DENY')
    assert.is(fields['Cross-Origin-Opener-Policy'], 'same-origin')
    assert.is(fields['Cross-Origin-Resource-Policy'], 'same-origin')
    assert.is(fields['Referrer-Policy'], 'same-origin')
    const policy = directives(fields)
    assert.is(policy.get('default-src'), "'none'")
    assert.is(policy.get('frame-ancestors'), "'none'")
    assert.is(policy.get('base-uri'), "'none'")
  })
  test(`${name} are one constant that nobody changes`, () => assert.ok(Object.isFrozen(fields)))
  test(`${name} allow nothing inline, evaluated or from elsewhere`, () => {
    assert.not.match(fields['Content-Security-Policy'] ?? '', /unsafe|data:|blob:|\*|http/)
  })
}

test('answers are stored nowhere, but for style sheets and the like', () => {
  for (const fields of [dataHeaders, jsonHeaders, pageHeaders, problemHeaders])
    assert.is(fields['Cache-Control'], 'no-store')
  assert.is(assetHeaders['Cache-Control'], 'no-cache')
})

test('a page loads from its own origin and posts to it', () => {
  const policy = directives(pageHeaders)
  for (const name of ['style-src', 'script-src', 'img-src', 'connect-src', 'form-action'])
    assert.is(policy.get(name), "'self'", name)
  assert.is(pageHeaders['Content-Type'], 'text/html; charset=utf-8')
  assert.match(pageHeaders['Permissions-Policy'] ?? '', 'camera=()')
})

test('data opened in a browser can do nothing', () => {
  assert.ok(directives(dataHeaders).has('sandbox'))
  assert.is(directives(dataHeaders).get('form-action'), "'none'")
  assert.is(jsonHeaders['Content-Type'], 'application/json')
  assert.is(problemHeaders['Content-Type'], 'application/problem+json')
})

test.run()
