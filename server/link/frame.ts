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

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw new FrameError('frame is not UTF-8 JSON')
  }
}

/** Cuts a byte stream into messages; holds at most one unfinished frame, in at most twice its size. */
export class FrameReader {
  /** Holds the unread bytes at its beginning. */
  #buffer: Buffer = Buffer.alloc(0)
  #held = 0;

  /** The messages that `chunk` completes, in order. Throws `FrameError` at the first that breaks the rules. */
  *push(chunk: Buffer): Generator<unknown> {
    this.#hold(chunk)
    while (this.#held >= 4) {
      const size = this.#buffer.readUInt32BE(0)
      if (size > maxFrameBytes) throw new FrameError(`frame of ${size} bytes, at most ${maxFrameBytes} expected`)
      const end = 4 + size
      if (this.#held < end) return
      const bytes = this.#buffer.subarray(4, end)
      this.#buffer = this.#buffer.subarray(end)
      this.#held -= end
      yield parseJson(bytes)
    }
  }

  /** Copies only what belongs to a frame that was begun before; a list of chunks would let one sent byte cost hundreds. */
  #hold(chunk: Buffer): void {
    const held = this.#held + chunk.length
    if (this.#held === 0) this.#buffer = chunk
    else {
      if (held > this.#buffer.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(held, 2 * this.#held))
        this.#buffer.copy(larger, 0, 0, this.#held)
        this.#buffer = larger
      }
      chunk.copy(this.#buffer, this.#held)
    }
    this.#held = held
  }
}
