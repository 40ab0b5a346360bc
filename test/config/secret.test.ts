import { format, inspect } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isSecretPath, Secret } from '../../server/config/secret.ts'

const test = suite('config/secret')
const secret = new Secret('correct horse battery staple')

const printed: { name: string; text: string }[] = [
  { name: 'String()', text: String(secret) },
  { name: 'a template', text: `${secret}` },
  { name: 'JSON', text: JSON.stringify({ secret }) },
  { name: 'inspect', text: inspect({ secret }, { depth: 9, showHidden: true }) },
  { name: 'format %o', text: format('%o', secret) },
  { name: 'format %s', text: format('%s', secret) },
  { name: 'format %j', text: format('%j', secret) },
  {
    name: 'a table of its keys',
    text: JSON.stringify(Object.getOwnPropertyNames(secret)) + JSON.stringify({ ...secret }),
  },
]
for (const { name, text } of printed) {
  test(`a secret does not show in ${name}`, () => assert.not.match(text, 'horse'))
}

test('a secret is [secret] where something is shown', () => {
  assert.equal([`${secret}`, inspect(secret), JSON.stringify(secret)], ['[secret]', '[secret]', '"[secret]"'])
})

test('reveal gives the text', () => assert.is(secret.reveal(), 'correct horse battery staple'))

test('a path is secret wherever the key stands', () => {
  assert.ok(isSecretPath(['jwt_secret']) && isSecretPath(['token', 'jwt_secret', 'x']))
  assert.not.ok(isSecretPath(['token', 'algorithm']))
})

test.run()
