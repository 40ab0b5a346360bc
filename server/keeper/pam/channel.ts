/** The child's end of its pipes: whole lines of JSON, read and written with blocking calls, since libpam's callback cannot wait otherwise. */
import { readSync, writeSync } from 'node:fs'
import { MAX_KEEPER_LINE_BYTES, parseJson } from './protocol.ts'

/** Lines to and from the keeper. */
export interface Channel {
  /** The next line's value; undefined when the keeper is gone or the line is too long or not JSON. */
  read(): unknown
  /** Throws when the keeper is gone. */
  write(line: object): void
}

/** A channel over two file descriptors that block. Bytes that were read are wiped once parsed. */
export function createChannel(input: number, output: number): Channel {
  const buffer = Buffer.alloc(MAX_KEEPER_LINE_BYTES)
  let filled = 0

  function read(): unknown {
    for (let searched = 0; ; ) {
      const end = buffer.subarray(searched, filled).indexOf(0x0a)
      if (end >= 0) return take(searched + end)
      searched = filled
      if (filled === buffer.length) return undefined
      const count = readSync(input, buffer, filled, buffer.length - filled, null)
      if (count === 0) return undefined
      filled += count
    }
  }

  function take(end: number): unknown {
    const value = parseJson(buffer.toString('utf8', 0, end))
    buffer.copyWithin(0, end + 1, filled)
    buffer.fill(0, filled - end - 1, filled)
    filled -= end + 1
    return value
  }

  function write(line: object): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
    for (let sent = 0; sent < bytes.length; ) sent += writeSync(output, bytes, sent)
  }

  return { read, write }
}
