/** Request bodies: bounded, of the type that is expected, and parsed once. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFormBody, readJsonBody } from '../../server/gate/body.ts'

const test = suite('gate/body')

/** What `read` makes of a request that is sent as these bytes after its first line. */
async function readSent<T>(read: (incoming: IncomingMessage) => Promise<T>, head: string, body: Buffer): Promise<T> {
  let settle: (value: T | Promise<T>) => void = () => {}
  const outcome = new Promise<T>(resolve => {
    settle = resolve
  })
  const server = createServer((incoming, outgoing) => {
    settle(read(incoming).finally(() => outgoing.end()))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const socket = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`)
  socket.write(body)
  try {
    return await outcome
  } finally {
    socket.destroy()
    server.close()
    server.closeAllConnections()
  }
}

const json = 'Content-Type: application/json'
const sized = (head: string, text: string | Buffer) =>
  [head, `Content-Length: ${Buffer.byteLength(text)}`].filter(line => line !== '').join('\r\n')

const jsonBodies: [name: string, head: string, body: string | Buffer, expected: unknown][] = [
  ['an object', json, '{"a":1}', { a: 1 }],
  ['an object with a charset', `${json}; charset=utf-8`, '{"a":"ü"}', { a: 'ü' }],
  ['a type in capitals', 'Content-Type: Application/JSON', '{}', {}],
  ['nothing', '', '', {}],
  ['nothing of another type', 'Content-Type: text/plain', '', {}],
  ['a member that is called like a part of every object', json, '{"__proto__":{"a":1}}', 'invalid own'],
  ['no type', '', '{}', 'not_json'],
  ['text/plain, which any page can send', 'Content-Type: text/plain', '{}', 'not_json'],
  ['a form', 'Content-Type: application/x-www-form-urlencoded', 'a=b', 'not_json'],
  ['a type that begins alike', 'Content-Type: application/jsonp', '{}', 'not_json'],
  ['a list of types', 'Content-Type: text/plain, application/json', '{}', 'not_json'],
  ['an array', json, '[]', 'invalid_input'],
  ['a text', json, '"x"', 'invalid_input'],
  ['null', json, 'null', 'invalid_input'],
  ['half an object', json, '{"password":"hor', 'invalid_input'],
  ['no UTF-8', json, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_input'],
  ['nesting without an end', json, '['.repeat(100_000), 'invalid_input'],
]
for (const [name, head, body, expected] of jsonBodies)
  test(`${name} is ${typeof expected === 'string' ? expected : 'read'}`, async () => {
    const answer = await readSent(readJsonBody, sized(head, body), Buffer.from(body))
    if (expected === 'invalid own') {
      assert.ok(answer.ok && Object.hasOwn(answer.value, '__proto__'))
      assert.is((answer.ok ? answer.value : {}).a, undefined)
    } else if (typeof expected === 'string') assert.is(answer.ok ? 'ok' : answer.reason, expected)
    else assert.equal(answer.ok && answer.value, expected)
  })

test('a refusal quotes nothing of the body', async () => {
  const body = '{"password":"horse'
  const answer = await readSent(readJsonBody, sized(json, body), Buffer.from(body))
  assert.not.match(JSON.stringify(answer), 'horse')
})

const limit = 128 * 1024
test('a body of the limit is read, one byte more is not', async () => {
  const body = (size: number) => Buffer.from(`{"a":"${'x'.repeat(size - 8)}"}`)
  assert.ok((await readSent(readJsonBody, sized(json, body(limit)), body(limit))).ok)
  const answer = await readSent(readJsonBody, sized(json, body(limit + 1)), body(limit + 1))
  assert.is(answer.ok ? '' : answer.reason, 'too_large')
})

test('a body that says it is too large is refused unread', async () => {
  const answer = await readSent(readJsonBody, `${json}\r\nContent-Length: ${limit + 1}`, Buffer.alloc(0))
  assert.is(answer.ok ? '' : answer.reason, 'too_large')
})

test('a body that does not say its size is bounded all the same', async () => {
  const chunk = `${(64 * 1024).toString(16)}\r\n${'x'.repeat(64 * 1024)}\r\n`
  const answer = await readSent(readJsonBody, `${json}\r\nTransfer-Encoding: chunked`, Buffer.from(chunk.repeat(3)))
  assert.is(answer.ok ? '' : answer.reason, 'too_large')
})

const form = 'Content-Type: application/x-www-form-urlencoded'
const forms: [name: string, head: string, expected: string][] = [
  ['a form', form, 'alice'],
  ['a form with a charset', `${form}; charset=UTF-8`, 'alice'],
  ['text/plain', 'Content-Type: text/plain', 'invalid_input'],
  ['JSON', json, 'invalid_input'],
  ['a form with files', 'Content-Type: multipart/form-data; boundary=x', 'invalid_input'],
]
for (const [name, head, expected] of forms)
  test(`where a form is expected, ${name} gives ${expected}`, async () => {
    const answer = await readSent(readFormBody, sized(head, 'user=alice'), Buffer.from('user=alice'))
    assert.is(answer.ok ? answer.value.get('user') : answer.reason, expected)
  })

test.run()
