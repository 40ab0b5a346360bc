/** Calls become requests by the map of routes. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeRequest } from '../../server/client/request.ts'
import type { Name } from '../../server/operations/table.ts'

const test = suite('client/request')

const id = 'AAAAAAAAAAAAAAAAAAAAAA'
const cases: { name: string; given: [Name, object]; expect: [string, string, string | null] }[] = [
  {
    name: 'posts an input as JSON',
    given: ['login.begin', { user: 'a', cookie: true }],
    expect: ['POST', '/postern/v1/login', '{"user":"a","cookie":true}'],
  },
  {
    name: 'posts an empty input as an object',
    given: ['session.end', {}],
    expect: ['POST', '/postern/v1/logout', '{}'],
  },
  {
    name: 'asks without a query for no input',
    given: ['session.current', {}],
    expect: ['GET', '/postern/v1/me', null],
  },
  {
    name: 'writes members into the query',
    given: ['session.list', { everyone: true, limit: 5, user: 'a&b c' }],
    expect: ['GET', '/postern/v1/sessions?everyone=true&limit=5&user=a%26b+c', null],
  },
  {
    name: 'leaves out what is undefined',
    given: ['session.list', { user: undefined }],
    expect: ['GET', '/postern/v1/sessions', null],
  },
  {
    name: 'writes a parameter into the path and nowhere else',
    given: ['session.revoke', { id }],
    expect: ['DELETE', `/postern/v1/sessions/${id}`, null],
  },
  {
    name: 'escapes a parameter, so that it stays one segment',
    given: ['session.revoke', { id: '../me?x#y' }],
    expect: ['DELETE', '/postern/v1/sessions/..%2Fme%3Fx%23y', null],
  },
]
for (const { name, given, expect } of cases) {
  test(name, () => {
    const { method, path, body } = describeRequest(...given)
    assert.equal([method, path, body], expect)
  })
}

for (const given of ['', '.', '..', undefined]) {
  test(`refuses ${JSON.stringify(given)} as a path parameter: it would be another path`, () => {
    assert.throws(() => describeRequest('session.revoke', { id: given }), /id: expected a value/)
  })
}

test('refuses an operation of the link alone', () => {
  assert.throws(() => describeRequest('session.resolve', {}), /cannot be called over HTTP/)
})

test.run()
