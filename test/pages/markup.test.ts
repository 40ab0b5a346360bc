/** Escaping, and text that is fit to be shown. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { markup, prose, visible } from '../../server/pages/markup.ts'

const test = suite('pages/markup')

test('escapes strings, in text and in attributes', () => {
  const value = `<a href="x">'&'</a>`
  assert.is(
    markup`<p title="${value}">${value}</p>`.toString(),
    '<p title="&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;">&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;</p>',
  )
})

test('leaves markup as it is, joins lists, and skips what is absent', () => {
  const text = markup`[${['<', markup`<b>${'&'}</b>`, false, null, undefined, 0]}]`
  assert.is(text.toString(), '[&lt;<b>&amp;</b>0]')
})

const shown: [given: string, expected: string][] = [
  ['plain, ünïcode 🏰', 'plain, ünïcode 🏰'],
  ['two\nlines\tand a tab', 'two\nlines\tand a tab'],
  ['\u0000\u001b[31m\r\u007f\u009b', '\ufffd\ufffd[31m\ufffd\ufffd\ufffd'],
  ['\u202etxt\u2066\u200f', '\ufffdtxt\ufffd\ufffd'],
  ['\ud800', '\ufffd'],
]

for (const [given, expected] of shown)
  test(`shows ${JSON.stringify(given)} as ${JSON.stringify(expected)}`, () => {
    assert.is(visible(given), expected)
  })

test('marks code in prose, and escapes both', () => {
  assert.is(prose('with `<a>` & more').toString(), 'with <code>&lt;a&gt;</code> &amp; more')
})

test.run()
