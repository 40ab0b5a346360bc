/** Keys of a raw terminal become a line. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LineEditor } from '../../cli/line-editor.ts'

const test = suite('cli/line-editor')

const raw: { name: string; given: string[]; line: string; outcome: string; rest?: string }[] = [
  { name: 'ends at Enter', given: ['secret\r'], line: 'secret', outcome: 'done' },
  { name: 'takes what comes in pieces', given: ['se', 'cr', 'et', '\n'], line: 'secret', outcome: 'done' },
  { name: 'keeps spaces and letters of any script', given: [' pä ss🔑 \r'], line: ' pä ss🔑 ', outcome: 'done' },
  { name: 'takes one character back at Backspace', given: ['a🔑\u007f\u0008b\r'], line: 'b', outcome: 'done' },
  { name: 'takes nothing back from an empty line', given: ['\u007fa\r'], line: 'a', outcome: 'done' },
  { name: 'begins anew at Ctrl-U', given: ['wrong\u0015right\r'], line: 'right', outcome: 'done' },
  { name: 'is cancelled by Ctrl-C', given: ['abc\u0003'], line: 'abc', outcome: 'cancelled' },
  { name: 'is cancelled by Ctrl-D on an empty line', given: ['\u0004'], line: '', outcome: 'cancelled' },
  { name: 'ignores Ctrl-D within a line', given: ['a\u0004b\r'], line: 'ab', outcome: 'done' },
  { name: 'ignores what arrows send', given: ['a\u001b[D\u001b[1;5Cb\u001bOP\r'], line: 'ab', outcome: 'done' },
  { name: 'ignores an arrow that comes in pieces', given: ['a\u001b', '[', 'Db\r'], line: 'ab', outcome: 'done' },
  { name: 'ignores other controls', given: ['a\u001ab\u0000\r'], line: 'ab', outcome: 'done' },
  { name: 'hands back what came after the line', given: ['one\rtwo\r'], line: 'one', outcome: 'done', rest: 'two\r' },
  { name: 'stays open without Enter', given: ['abc'], line: 'abc', outcome: 'open' },
]
for (const { name, given, line, outcome, rest = '' } of raw) {
  test(name, () => {
    const editor = new LineEditor(true)
    const pushed = given.map(typed => editor.push(typed)).at(-1)
    assert.is(editor.line, line)
    assert.equal(pushed, { outcome, rest })
  })
}

test('takes the line of a terminal that has interpreted the keys as it is', () => {
  const editor = new LineEditor(false)
  assert.equal(editor.push('a\u0015b\nc'), { outcome: 'done', rest: 'c' })
  assert.is(editor.line, 'a\u0015b')
})

test.run()
