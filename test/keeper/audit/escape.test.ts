/** Hostile text in the trail: nothing reaches a terminal, and any JSON reader gets the same value back. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { boundText, safeJson } from '../../../server/keeper/audit/escape.ts'

const test = suite('audit escape')
const code = String.fromCodePoint

const cases: { name: string; given: string; expect: string }[] = [
  { name: 'plain text stays', given: 'alice', expect: '"alice"' },
  { name: 'letters of any script and emoji stay', given: 'Zoë 漢字 🔑', expect: '"Zoë 漢字 🔑"' },
  { name: 'a newline', given: 'a\nb', expect: '"a\\nb"' },
  { name: 'a quote and a backslash', given: '"\\', expect: '"\\"\\\\"' },
  { name: 'escape sequences', given: code(0x1b, 0x5b, 0x32, 0x4a), expect: '"\\u001b[2J"' },
  { name: 'delete', given: code(0x7f), expect: '"\\u007f"' },
  { name: 'the 8-bit control sequence introducer', given: code(0x9b), expect: '"\\u009b"' },
  { name: 'next line', given: code(0x85), expect: '"\\u0085"' },
  { name: 'line and paragraph separators', given: code(0x2028, 0x2029), expect: '"\\u2028\\u2029"' },
  { name: 'right-to-left override', given: code(0x202e), expect: '"\\u202e"' },
  { name: 'bidi isolates', given: code(0x2066, 0x2069), expect: '"\\u2066\\u2069"' },
  { name: 'zero-width space and byte order mark', given: code(0x200b, 0xfeff), expect: '"\\u200b\\ufeff"' },
  { name: 'a space that is not one', given: code(0xa0, 0x3000), expect: '"\\u00a0\\u3000"' },
  { name: 'tag characters', given: code(0xe0041), expect: '"\\udb40\\udc41"' },
  { name: 'private use', given: code(0xe000), expect: '"\\ue000"' },
  { name: 'a lone surrogate', given: code(0xd800), expect: '"\\ud800"' },
  { name: 'NUL', given: code(0), expect: '"\\u0000"' },
]

for (const { name, given, expect } of cases) {
  test(name, () => {
    assert.is(safeJson(given), expect)
    assert.is(JSON.parse(safeJson(given)), given)
  })
}

test('names of members are escaped as well', () => {
  assert.is(safeJson({ [code(0x202e)]: 1 }), '{"\\u202e":1}')
})

test('no character that moves a cursor, hides or ends a line is left of the whole of Unicode', () => {
  for (let from = 0; from < 0x110000; from += 0x1000) {
    const all = Array.from({ length: 0x1000 }, (_, i) => code(from + i)).join('')
    const written = safeJson(all)
    assert.not.match(written, /[^\P{C}]|[\p{Zl}\p{Zp}]|(?! )\p{Zs}/u)
    assert.is(JSON.parse(written), all)
  }
})

test('long text is cut, and says how much', () => {
  assert.is(boundText('x'.repeat(256), 256), 'x'.repeat(256))
  assert.is(boundText('x'.repeat(300), 256), `${'x'.repeat(256)}…(44 more)`)
})

test.run()
