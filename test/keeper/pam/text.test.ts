import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isPlainText, parseAnswer, parseUserName } from '../../../server/keeper/pam/text.ts'

const test = suite('keeper/pam/text')

const names = [
  { name: 'a plain name', given: 'alice', expect: null },
  { name: 'a name that is not ASCII', given: 'žofie', expect: null },
  { name: 'a name of 256 bytes', given: 'é'.repeat(128), expect: null },
  { name: 'a name of 257 bytes', given: `${'é'.repeat(128)}x`, expect: 'too_long' },
  { name: 'a name of 1 MB', given: 'x'.repeat(1 << 20), expect: 'too_long' },
  { name: 'an empty name', given: '', expect: 'empty' },
  { name: 'a NUL', given: 'alice\0evil', expect: 'control_character' },
  { name: 'a newline', given: 'alice\n', expect: 'control_character' },
  { name: 'an escape', given: 'a\x1b[2J', expect: 'control_character' },
  { name: 'DEL', given: 'a\x7f', expect: 'control_character' },
  { name: 'a C1 control', given: 'a\x9b', expect: 'control_character' },
  { name: 'a lone surrogate', given: 'a\ud800', expect: 'invalid_unicode' },
  { name: 'a number', given: 7, expect: 'not_text' },
  { name: 'nothing', given: undefined, expect: 'not_text' },
]
for (const { name, given, expect } of names) {
  test(`a user name: ${expect === null ? 'takes' : 'refuses'} ${name}`, () => {
    const parsed = parseUserName(given)
    if (expect === null) assert.equal(parsed, { ok: true, value: given })
    else assert.equal(parsed, { ok: false, reason: expect })
  })
}

const answers = [
  { name: 'an empty answer', given: '', expect: null },
  { name: 'an answer with a control character', given: 'a\tb\x01', expect: null },
  { name: 'an answer that is not ASCII', given: 'pässwörd 密码 🔑', expect: null },
  { name: 'an answer of 511 bytes', given: `${'é'.repeat(255)}x`, expect: null },
  { name: 'an answer of 512 bytes', given: 'é'.repeat(256), expect: 'too_long' },
  { name: 'an answer of 1 MB', given: 'x'.repeat(1 << 20), expect: 'too_long' },
  { name: 'a NUL', given: 'secret\0junk', expect: 'control_character' },
  { name: 'a lone surrogate', given: '\udc00secret', expect: 'invalid_unicode' },
  { name: 'null', given: null, expect: 'not_text' },
]
for (const { name, given, expect } of answers) {
  test(`an answer: ${expect === null ? 'takes' : 'refuses'} ${name}`, () => {
    const parsed = parseAnswer(given)
    if (expect === null) assert.equal(parsed, { ok: true, value: given })
    else assert.equal(parsed, { ok: false, reason: expect })
  })
}

test('a plain text may be empty and has its own limit', () => {
  assert.ok(isPlainText('', 4))
  assert.ok(isPlainText('éé', 4))
  assert.not(isPlainText('ééx', 4))
  assert.not(isPlainText('a\n', 4))
})

test.run()
