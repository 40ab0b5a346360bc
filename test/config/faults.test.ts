/** How faults are reported: all in one run, in order, in plain words, and without any secret. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatFaults } from '../../server/config/fault.ts'
import { faultsOf, loadText } from './directory.ts'
import { formCases } from './form-cases.ts'
import { secret } from './refuse-each.ts'
import { valueCases } from './value-cases.ts'

const test = suite('config/faults')

test('messages are in lower case, without full stop and without control characters', async () => {
  for (const { text } of [...formCases, ...valueCases]) {
    for (const { message, hint } of faultsOf(await loadText(text))) {
      assert.match(message, /^(HS256|[a-z])[^\p{Cc}]*[^.\s]$/u)
      if (hint) assert.match(hint, /^[^\p{Cc}]*[^.\s]$/u)
    }
  }
})

test('every fault of a file is reported in one run: keys, types, rules, in the order of lines', async () => {
  const text = `token:
  acces_seconds: 5
  refresh_seconds: 7d
  algorithm: HS256
remote: yes
listen:
  - { unix: a, tls: maybe }
  - { port: 7640 }
  - { address: 0.0.0.0, port: 80 }
kiosk: { role: viewer }
pam: { step_seconds: 200 }
session: { idle_seconds: 90000, idle_seconds: 90000 }
roles: { x: {}, viewer: { users: bob } }
`
  const paths = faultsOf(await loadText(text)).map(({ line, path }) => `${line} ${path}`)
  assert.equal(paths, [
    '2 token.acces_seconds',
    '3 token.refresh_seconds',
    '4 token.algorithm',
    '5 remote',
    '7 listen[0].tls',
    '8 listen[1]',
    '9 listen[2]',
    '10 kiosk.user',
    '11 pam.step_seconds',
    '12 session.idle_seconds',
    '13 roles.x',
    '13 roles.viewer.users',
  ])
})

test('a rule is silent about a value that is faulty itself', async () => {
  const faults = faultsOf(await loadText('token: { algorithm: HS256 }\njwt_secret: short'))
  assert.equal(
    faults.map(fault => fault.path),
    ['jwt_secret'],
  )
})

test('no wrong secret is shown, wherever it stands', async () => {
  const texts = [
    `jwt_secret: ${secret}`,
    `jwt_secret: [${secret}]`,
    `jwt_secret: { value: ${secret} }`,
    `jwt_secret: !x ${secret}`,
    `jwt_secret: *${secret}`,
    `jwt_secret: "${secret}\\q"`,
    `jwt_secret: ${secret}\njwt_secret: ${secret}2`,
    `token: { jwt_secret: ${secret}, algorithm: HS256 }`,
    `listen: [{ jwt_secret: ${secret} }]`,
    `jwt_secret: |\n ${secret}\n\t${secret}`,
    `jwt_secret: '${secret}`,
    `jwt_secret ${secret}\nremote: x`,
    `%${secret}\n---\njwt_secret: x`,
  ]
  for (const text of texts) {
    const outcome = await loadText(text)
    assert.ok(!outcome.ok && outcome.faults.length > 0, text)
    assert.not.match(JSON.stringify(outcome), secret, text)
  }
})

test('faults print as file:line:column: path: message, with hints beneath', () => {
  const faults = [
    { file: '/etc/postern/server.yml', line: 3, column: 5, path: 'token', message: 'unknown key', hint: 'try it' },
    { file: '/e/\u001b[2J.yml', path: '', message: 'no such file' },
    { file: 'environment POSTERN_X', path: 'x', message: 'unknown key' },
  ]
  assert.is(
    formatFaults(faults),
    '/etc/postern/server.yml:3:5: token: unknown key\n  hint: try it\n/e/\\u{1b}[2J.yml: no such file\nenvironment POSTERN_X: x: unknown key',
  )
})

test.run()
