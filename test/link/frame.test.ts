/** Frames: cut right wherever the stream is split, and refused when they break a rule. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrame, FrameError, FrameReader } from '../../server/link/frame.ts'
import { maxFrameBytes } from '../../server/link/message.ts'

const test = suite('link/frame')

const messages = [{ type: 'pong' }, { text: 'Schlüssel 🔑', list: [1, null, 'x'.repeat(200)] }, 'text', 0, {}]
const stream = Buffer.concat(messages.map(encodeFrame))

function frameOf(text: string | Buffer): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.alloc(4)
  header.writeUInt32BE(payload.length)
  return Buffer.concat([header, payload])
}

function collect(chunks: readonly Buffer[]): unknown[] {
  const reader = new FrameReader()
  return chunks.flatMap(chunk => [...reader.push(chunk)])
}

test('reads what was written', () => assert.equal(collect([stream]), messages))

test('reads the same wherever the stream is split', () => {
  for (let at = 0; at <= stream.length; at += 1)
    assert.equal(collect([stream.subarray(0, at), stream.subarray(at)]), messages, `split at ${at}`)
})

test('reads the same whatever the size of the pieces', () => {
  for (const size of [1, 2, 3, 5, 7, 64])
    assert.equal(
      collect(
        Array.from({ length: Math.ceil(stream.length / size) }, (_, n) => stream.subarray(n * size, (n + 1) * size)),
      ),
      messages,
    )
})

test('gives a message as soon as its last byte is there', () => {
  const reader = new FrameReader()
  const frame = encodeFrame({ a: 1 })
  assert.equal([...reader.push(frame.subarray(0, -1))], [])
  assert.equal([...reader.push(frame.subarray(-1))], [{ a: 1 }])
})

test('takes a frame of exactly the limit', () => {
  const text = 'x'.repeat(maxFrameBytes - 2)
  assert.equal(collect([encodeFrame(text)]), [text])
})

test('refuses to write a frame over the limit', () => {
  assert.throws(
    () => encodeFrame('x'.repeat(maxFrameBytes - 1)),
    (fault: unknown) => fault instanceof FrameError,
  )
  // The limit is of bytes, not of characters.
  assert.throws(
    () => encodeFrame('ü'.repeat(maxFrameBytes / 2)),
    (fault: unknown) => fault instanceof FrameError,
  )
})

const bad: { name: string; given: Buffer }[] = [
  { name: 'a length over the limit, before its payload has come', given: Buffer.from([0, 0x10, 0, 1]) },
  { name: 'the greatest length', given: Buffer.from([0xff, 0xff, 0xff, 0xff]) },
  { name: 'a frame without payload', given: frameOf('') },
  { name: 'a payload that is not UTF-8', given: frameOf(Buffer.from([0x22, 0xff, 0x22])) },
  { name: 'a surrogate encoded as UTF-8', given: frameOf(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])) },
  { name: 'an overlong encoding', given: frameOf(Buffer.from([0x22, 0xc0, 0xaf, 0x22])) },
  { name: 'a byte order mark', given: frameOf('\ufeff{}') },
  { name: 'a payload that is not JSON', given: frameOf('{a:1}') },
  { name: 'a JSON text with more behind it', given: frameOf('{}{}') },
  { name: 'a JSON text cut short', given: frameOf('{"a":') },
]

for (const { name, given } of bad)
  test(`refuses ${name}`, () => {
    const heard: unknown[] = []
    assert.throws(
      () => {
        for (const message of new FrameReader().push(Buffer.concat([encodeFrame(1), given]))) heard.push(message)
      },
      (fault: unknown) => fault instanceof FrameError,
    )
    assert.equal(heard, [1], 'what came before it was heard')
  })

test('holds an unfinished frame in about its size, although it comes byte by byte', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const used = () => {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = used()
  const reader = new FrameReader()
  const frame = encodeFrame('x'.repeat(500_000))
  // Each read from a socket is a buffer of its own.
  for (const byte of frame.subarray(0, -1)) [...reader.push(Buffer.from([byte]))]
  assert.ok(used() - before < 4 * 1024 * 1024, `${used() - before} bytes`)
  assert.is([...reader.push(frame.subarray(-1))].length, 1)
})

test.run()
