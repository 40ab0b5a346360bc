/** Problem details, and who gets them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { prefersHtml, problem } from '../../server/gate/problem.ts'

const test = suite('gate/problem')

test('has the members of RFC 9457 and a code, in that order', () => {
  assert.is(
    JSON.stringify(problem('login_failed', 401, 'login failed', 'wrong user or password')),
    '{"type":"urn:postern:problem:login_failed","title":"login failed","status":401,"detail":"wrong user or password","code":"login_failed"}',
  )
})

test('leaves out a detail that there is not', () => {
  assert.not('detail' in problem('not_found', 404, 'not found'))
})

test('carries further members, which replace none of its own', () => {
  const more = { retry_after: 5, status: 200, code: 'fine', type: 'x', title: 'y', detail: 'z' }
  assert.equal(problem('throttled', 429, 'too many', 'wait', more), {
    ...problem('throttled', 429, 'too many', 'wait'),
    retry_after: 5,
  })
})

test('a code that is no word or a status that is no error is a mistake of ours', () => {
  for (const code of ['', 'Login', 'a-b', 'a b', '1a'])
    assert.throws(() => problem(code, 400, 't'), /problem: the code/)
  for (const status of [200, 399, 600, 400.5]) assert.throws(() => problem('a', status, 't'), /problem: the status/)
})

const accepts: [accept: string | undefined, expected: boolean][] = [
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['text/*', false],
  ['application/json', false],
  ['application/problem+json, text/html', false],
  ['application/json, text/plain, */*', false],
  ['text/html, application/json', false],
  ['text/html;q=0.5, application/json;q=0.9', false],
  ['text/html;q=0.5, */*', false],
  ['text/html;q=0', false],
  ['text/html;q=abc', false],
  ['text/html;q=2', false],
  ['text/htmlx', false],
  ['text/html', true],
  ['TEXT/HTML ; charset=utf-8', true],
  ['text/html, */*', true],
  ['text/html, application/json;q=0.9', true],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', true],
]
for (const [accept, expected] of accepts)
  test(`${accept} gets ${expected ? 'a page' : 'JSON'}`, () => assert.is(prefersHtml(accept), expected))

test.run()
