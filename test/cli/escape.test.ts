/** What a server says cannot drive the terminal. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { escapeLine, escapeLines, stringify } from '../../cli/escape.ts'

const test = suite('cli/escape')

const cases = [
  { name: 'leaves text alone', given: 'Grüße, 日本 🚪', expect: 'Grüße, 日本 🚪' },
  { name: 'escapes ESC', given: '\u001b]0;x\u0007', expect: '\\u001b]0;x\\u0007' },
  { name: 'escapes the C1 form of CSI', given: '\u009b31m', expect: '\\u009b31m' },
  { name: 'escapes DEL', given: 'a\u007f', expect: 'a\\u007f' },
  { name: 'escapes a carriage return, which would overwrite the line', given: 'ok\rno', expect: 'ok\\u000dno' },
  { name: 'escapes a newline in a line', given: 'a\nb', expect: 'a\\u000ab' },
  { name: 'escapes marks that turn text around', given: 'a\u202eb\u2066', expect: 'a\\u202eb\\u2066' },
  { name: 'escapes what cannot be seen', given: 'a\u200bb\ufeff', expect: 'a\\u200bb\\ufeff' },
  { name: 'escapes half a surrogate pair', given: 'a\ud800', expect: 'a\\ud800' },
]
for (const { name, given, expect } of cases) test(name, () => assert.is(escapeLine(given), expect))

test('keeps newlines of text that has several lines', () => {
  assert.is(escapeLines('a\r\nb\n\u001bc\td'), 'a\nb\n\\u001bc  d')
})

test('escapes JSON so that it stays the same value', () => {
  const value = { 'k\u009b': ['\u001b[2J', '\u202e', '\u007f', 'plain "quoted" \\'] }
  for (const indent of [0, 2]) {
    const text = stringify(value, indent)
    assert.not.match(text.replaceAll('\n', ''), /[\p{Cc}\u202e]/u)
    assert.equal(JSON.parse(text), value)
  }
})

test.run()
