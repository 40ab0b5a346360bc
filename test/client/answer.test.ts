/** Answers become values and refusals; whatever postern would not answer is a fault. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readAnswer } from '../../server/client/answer.ts'
import { ClientError } from '../../server/client/error.ts'
import { type Reason, reasons } from '../../server/operations/reason.ts'

const test = suite('client/answer')

const json = 'application/json'
const problemJson = 'application/problem+json; charset=utf-8'
const read = (status: number, contentType: string, body: string, retryAfter?: string) =>
  readAnswer({ status, contentType, body, retryAfter })

test('takes JSON with a 2xx for the value', () => {
  assert.equal(read(200, json, '{"a":1}'), { ok: true, value: { a: 1 } })
  assert.equal(read(204, '', ''), { ok: true, value: {} })
})

for (const reason of Object.keys(reasons) as Reason[]) {
  test(`reads the refusal ${reason}`, () => {
    const body = JSON.stringify({ type: 'x', title: 'y', status: reasons[reason].status, code: reason })
    assert.equal(read(reasons[reason].status, problemJson, body), { ok: false, reason })
  })
}

test('keeps the detail and the further members of a refusal apart', () => {
  const body = JSON.stringify({ code: 'login_continues', detail: 'd', title: 't', conversation: 'c', prompts: [] })
  const answer = read(401, problemJson, body)
  assert.equal(answer, { ok: false, reason: 'login_continues', detail: 'd', more: { conversation: 'c', prompts: [] } })
})

test('takes Retry-After where the problem does not say it', () => {
  const answer = read(429, problemJson, '{"code":"throttled"}', '7')
  assert.equal(answer, { ok: false, reason: 'throttled', more: { retry_after: 7 } })
  const date = read(429, problemJson, '{"code":"throttled"}', 'Wed, 21 Oct 2026 07:28:00 GMT')
  assert.equal(date, { ok: false, reason: 'throttled' })
})

const faults: [string, number, string, string][] = [
  ['a page with 200', 200, 'text/html', '<html>'],
  ['a value without content type', 200, '', '{}'],
  ['a redirect', 302, '', ''],
  ['JSON that is cut', 200, json, '{"a":'],
  ['an error that is no problem', 500, 'text/plain', 'oops'],
  ['an error as plain JSON', 401, json, '{"code":"unauthenticated"}'],
  ['a problem that is no object', 401, problemJson, 'null'],
  ['a code that there is not', 401, problemJson, '{"code":"teapot"}'],
  ['a code of the prototype', 401, problemJson, '{"code":"constructor"}'],
  ['a code that is no text', 401, problemJson, '{"code":["forbidden"]}'],
  ['no code', 401, problemJson, '{}'],
]
for (const [name, status, type, body] of faults) {
  test(`throws for ${name}`, () => {
    try {
      read(status, type, body)
      assert.unreachable()
    } catch (fault) {
      assert.instance(fault, ClientError)
      assert.is((fault as ClientError).code, 'protocol')
    }
  })
}

test.run()
