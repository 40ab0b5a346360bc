import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isProceed, parseAnswers, parseChildLine, parseRequest } from '../../../server/keeper/pam/protocol.ts'
import { explainCode } from '../../../server/keeper/pam/reason.ts'

const test = suite('keeper/pam/protocol')

const request = { service: 'postern', user: 'alice', rhost: '10.0.0.1', tty: 'postern', backend: 'conversation' }

test('the first line is parsed', () => {
  assert.equal(parseRequest(request), request)
})

const badRequests = [
  { name: 'a service with a path', given: { ...request, service: '../login' } },
  { name: 'a service in capitals, which libpam would change', given: { ...request, service: 'Postern' } },
  { name: 'an empty service', given: { ...request, service: '' } },
  { name: 'a user with a NUL', given: { ...request, user: 'alice\0evil' } },
  { name: 'an rhost with a newline', given: { ...request, rhost: '10.0.0.1\n' } },
  { name: 'a tty of 257 bytes', given: { ...request, tty: 'x'.repeat(257) } },
  { name: 'an unknown backend', given: { ...request, backend: 'none' } },
  { name: 'a list', given: [request] },
  { name: 'nothing', given: undefined },
]
for (const { name, given } of badRequests) {
  test(`a first line is refused for ${name}`, () => assert.is(parseRequest(given), null))
}

test('answers are as many as were asked for, and each is fit for C', () => {
  assert.equal(parseAnswers({ answers: ['a', ''] }, 2), ['a', ''])
  for (const given of [
    { answers: ['a'] },
    { answers: ['a', 'b', 'c'] },
    { answers: ['a', 'b\0'] },
    { answers: 'ab' },
    [],
  ])
    assert.is(parseAnswers(given, 2), null)
})

test('only the literal true lets an account go on', () => {
  assert.ok(isProceed({ proceed: true }))
  for (const given of [{ proceed: 1 }, { proceed: 'true' }, {}, null, undefined, true]) assert.not(isProceed(given))
})

const refusal = { ok: false, phase: 'authenticate', code: 7, reason: 'wrong_credentials', message: 'no' }
const lines = [
  {
    given: { show: [{ kind: 'info', text: 'hi' }] },
    expect: { kind: 'show', messages: [{ kind: 'info', text: 'hi' }] },
  },
  { given: { ask: [{ kind: 'secret', text: '' }] }, expect: { kind: 'ask', prompts: [{ kind: 'secret', text: '' }] } },
  { given: { account: { user: 'a', must_change: true } }, expect: { kind: 'account', user: 'a', mustChange: true } },
  { given: { result: { ok: true, user: 'a' } }, expect: { kind: 'result', ok: true, user: 'a' } },
  { given: { result: refusal }, expect: { kind: 'result', ...refusal } },
]
for (const { given, expect } of lines) {
  test(`a line of a child is parsed: ${expect.kind}`, () => {
    assert.equal(parseChildLine(JSON.stringify(given)), expect)
  })
}

const badLines = [
  { name: 'no JSON', given: '{"result":{"ok":true' },
  { name: 'an empty line', given: '' },
  { name: 'a show that asks', given: '{"show":[{"kind":"secret","text":""}]}' },
  { name: 'an ask that asks nothing', given: '{"ask":[{"kind":"info","text":""}]}' },
  { name: 'no messages', given: '{"show":[]}' },
  { name: '33 messages', given: JSON.stringify({ show: Array(33).fill({ kind: 'info', text: '' }) }) },
  { name: 'a text of 4097', given: JSON.stringify({ show: [{ kind: 'info', text: 'x'.repeat(4097) }] }) },
  { name: 'an unknown kind', given: '{"show":[{"kind":"radio","text":""}]}' },
  { name: 'a yes without a user', given: '{"result":{"ok":true}}' },
  { name: 'a yes as a word', given: '{"result":{"ok":"true","user":"root"}}' },
  { name: 'an unknown reason', given: JSON.stringify({ result: { ...refusal, reason: 'because' } }) },
  { name: 'an account with a control character', given: '{"account":{"user":"a\\n","must_change":false}}' },
  { name: 'an account without must_change', given: '{"account":{"user":"a"}}' },
]
for (const { name, given } of badLines) {
  test(`a line of a child is refused: ${name}`, () => assert.is(parseChildLine(given), null))
}

const codes = [
  { code: 7, phase: 'authenticate', expect: 'wrong_credentials' },
  { code: 7, phase: 'account', expect: 'permission_denied' },
  { code: 7, phase: 'chauthtok', expect: 'password_not_changed' },
  { code: 10, phase: 'authenticate', expect: 'unknown_user' },
  { code: 13, phase: 'account', expect: 'account_expired' },
  { code: 19, phase: 'authenticate', expect: 'conversation' },
  { code: 20, phase: 'chauthtok', expect: 'password_not_changed' },
  { code: 28, phase: 'authenticate', expect: 'system' },
  { code: 999, phase: 'account', expect: 'system' },
] as const
for (const { code, phase, expect } of codes) {
  test(`code ${code} while in ${phase} means ${expect}`, () => assert.is(explainCode(code, phase), expect))
}

test.run()
