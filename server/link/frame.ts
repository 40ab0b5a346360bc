/** Frames of the link: a length of four bytes, big-endian, then that many bytes of JSON. */
import { maxFrameBytes } from './message.ts'

/** A frame that breaks the rules; who sent it is cut off. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** One message as a frame. Throws `FrameError` when it is over the limit. */
export function encodeFrame(message: unknown): Buffer {
  const text = JSON.stringify(message)
  const size = Buffer.byteLength(text)
  if (size > maxFrameBytes) throw new FrameError(`frame of ${size} bytes, at most ${maxFrameBytes} expected`)
  const frame = Buffer.allocUnsafe(4 + size)
  frame.writeUInt32BE(size, 0)
  frame.write(text, 4)
  return frame
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw new FrameError('frame is not UTF-8 JSON')
  }
}

/** Cuts a byte stream into messages; holds at most one unfinished frame. */
export class FrameReader {
  #chunks: Buffer[] = []
  #held = 0;

  /** The messages that `chunk` completes, in order. Throws `FrameError` at the first that breaks the rules. */
  *push(chunk: Buffer): Generator<unknown> {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#held >= 4) {
      const size = this.#peekSize()
      if (size > maxFrameBytes) throw new FrameError(`frame of ${size} bytes, at most ${maxFrameBytes} expected`)
      if (this.#held < 4 + size) return
      const bytes = this.#join()
      this.#chunks = bytes.length > 4 + size ? [bytes.subarray(4 + size)] : []
      this.#held -= 4 + size
      yield parseJson(bytes.subarray(4, 4 + size))
    }
  }

  #peekSize(): number {
    const [first] = this.#chunks
    return (first && first.length >= 4 ? first : this.#join()).readUInt32BE(0)
  }

  #join(): Buffer {
    const joined = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks, this.#held)
    if (joined === undefined) throw new FrameError('no bytes are held')
    this.#chunks = [joined]
    return joined
  }
}
