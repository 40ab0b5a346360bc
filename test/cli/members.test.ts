/** Words of `postern call` become the input of an operation. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandFault } from '../../cli/fault.ts'
import { parseMembers } from '../../cli/members.ts'
import type { Field, Route } from '../../server/operations/route.ts'

const test = suite('cli/members')

const field = (type: Field['type'], required = false): Field => ({ type, required, about: '' })
const input: Route['input'] = {
  user: field('string', true),
  limit: field('integer'),
  ratio: field('number'),
  everyone: field('boolean'),
  audience: field('array'),
  scope: field('object'),
  password: field('string'),
  answers: field('array'),
}
const files: Record<string, string> = { '-': 'from stdin\n', pw: 'two lines\r\nstay\r\n', list: '["a","b"]\n' }
const parse = (words: string[]) => parseMembers(words, input, async path => files[path] ?? '')

const accepted: { name: string; given: string[]; expect: object }[] = [
  { name: 'keeps text as it is', given: ['user=42'], expect: { user: '42' } },
  { name: 'keeps everything after the first sign', given: ['user=a=b:=c'], expect: { user: 'a=b:=c' } },
  { name: 'takes an empty text', given: ['user='], expect: { user: '' } },
  { name: 'takes whole numbers', given: ['user=a', 'limit=-5'], expect: { user: 'a', limit: -5 } },
  { name: 'takes numbers', given: ['user=a', 'ratio=1.5e3'], expect: { user: 'a', ratio: 1500 } },
  { name: 'takes true and false', given: ['user=a', 'everyone=false'], expect: { user: 'a', everyone: false } },
  { name: 'takes an item of a list', given: ['user=a', 'audience=x'], expect: { user: 'a', audience: ['x'] } },
  {
    name: 'takes a key once for each item of a list',
    given: ['user=a', 'audience=x', 'audience=y'],
    expect: { user: 'a', audience: ['x', 'y'] },
  },
  { name: 'takes a list as JSON', given: ['user=a', 'audience=["x"]'], expect: { user: 'a', audience: ['x'] } },
  { name: 'takes an object as JSON', given: ['user=a', 'scope={"d":1}'], expect: { user: 'a', scope: { d: 1 } } },
  { name: 'takes whatever JSON after :=', given: ['user:=null', 'limit:="x"'], expect: { user: null, limit: 'x' } },
  {
    name: 'takes a secret from standard input',
    given: ['user=a', 'password=@-'],
    expect: { user: 'a', password: 'from stdin' },
  },
  { name: 'drops one newline at the end of a file', given: ['user=@pw'], expect: { user: 'two lines\r\nstay' } },
  { name: 'takes JSON from a file', given: ['user=a', 'answers:=@list'], expect: { user: 'a', answers: ['a', 'b'] } },
]
for (const { name, given, expect } of accepted) test(name, async () => assert.equal(await parse(given), expect))

const refused: { name: string; given: string[]; expect: RegExp }[] = [
  {
    name: 'a member that there is not: a mistyped key must not mean everybody',
    given: ['user=a', 'usr=b'],
    expect: /usr: no such member, expected user/,
  },
  { name: 'a key of the prototype', given: ['user=a', 'constructor=b'], expect: /no such member/ },
  { name: 'a word without a sign', given: ['user'], expect: /expected key=value/ },
  { name: 'a word without a key', given: ['=a'], expect: /expected key=value/ },
  { name: 'a member twice', given: ['user=a', 'user=b'], expect: /given twice/ },
  { name: 'an input that is not whole', given: ['limit=1'], expect: /user: expected, but not given/ },
  { name: 'text for a number', given: ['user=a', 'limit=x'], expect: /whole number/ },
  { name: 'a fraction for a whole number', given: ['user=a', 'limit=1.5'], expect: /whole number/ },
  {
    name: 'a whole number that cannot be held exactly',
    given: ['user=a', 'limit=9007199254740993'],
    expect: /whole number/,
  },
  { name: 'hexadecimal', given: ['user=a', 'ratio=0x10'], expect: /a number/ },
  { name: 'yes for true', given: ['user=a', 'everyone=yes'], expect: /true or false/ },
  { name: 'JSON that is none', given: ['user=a', 'scope={'], expect: /expected JSON/ },
  { name: 'a password on the command line', given: ['user=a', 'password=geheim'], expect: /password is a secret/ },
  { name: 'a password as JSON on the command line', given: ['user=a', 'password:="geheim"'], expect: /is a secret/ },
  { name: 'answers on the command line', given: ['user=a', 'answers=geheim'], expect: /answers is a secret/ },
]
for (const { name, given, expect } of refused) {
  test(`refuses ${name}`, async () => {
    try {
      await parse(given)
    } catch (fault) {
      assert.instance(fault, CommandFault)
      const { message, exit } = fault as CommandFault
      assert.match(message, expect)
      assert.not.match(message, /geheim/)
      return assert.is(exit, 'usage')
    }
    assert.unreachable()
  })
}

test.run()
