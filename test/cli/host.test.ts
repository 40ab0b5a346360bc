/** What --host may say. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandFault } from '../../cli/fault.ts'
import { parseRemote } from '../../cli/host.ts'

const test = suite('cli/host')

const good: [given: string, origin: string, prefix?: string][] = [
  ['box', 'https://box:7643'],
  ['Box.Example', 'https://box.example:7643'],
  ['box:8443', 'https://box:8443'],
  ['box/sub/', 'https://box:7643', '/sub'],
  ['192.0.2.1', 'https://192.0.2.1:7643'],
  ['2001:db8::1', 'https://[2001:db8::1]:7643'],
  ['[2001:db8::1]', 'https://[2001:db8::1]:7643'],
  ['[2001:db8::1]:1', 'https://[2001:db8::1]:1'],
  ['https://box.example', 'https://box.example'],
  ['https://box.example:443/', 'https://box.example'],
  ['https://box.example/a/b/', 'https://box.example', '/a/b'],
  ['http://127.0.0.1:7640', 'http://127.0.0.1:7640'],
  ['http://[::1]:7640', 'http://[::1]:7640'],
  ['http://localhost:8080/sub', 'http://localhost:8080', '/sub'],
]
for (const [given, origin, prefix = ''] of good)
  test(`reads ${given}`, () => assert.equal(parseRemote(given), { origin, prefix }))

for (const given of ['', '/', 'http://box', 'http://127.0.0.1.evil', 'http://0.0.0.0', 'ftp://box', 'https://u:p@box'])
  test(`refuses ${given || 'nothing'}`, () =>
    assert.throws(
      () => parseRemote(given),
      (fault: Error) => fault instanceof CommandFault,
    ))
for (const given of [
  'https://box?x',
  'https://box#x',
  'user@box',
  'box:99999',
  'https://',
  'javascript:alert(1)',
  'a b',
])
  test(`refuses ${given}`, () =>
    assert.throws(
      () => parseRemote(given),
      (fault: Error) => fault instanceof CommandFault,
    ))

test.run()
