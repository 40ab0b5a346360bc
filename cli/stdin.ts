/** Answers from standard input, for programs: each line is one. */
import { CommandFault } from './fault.ts'
import type { Asker } from './terminal.ts'

/** More than any password is. */
const maxBytes = 64 * 1024

/** The whole of `input` as text. Throws a `CommandFault` when it is over 64 KiB or not UTF-8: a secret is never cut or changed. */
export async function readAll(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    size += chunk.length
    if (size > maxBytes) throw new CommandFault('usage', `standard input is over ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new CommandFault('usage', 'standard input is not UTF-8')
  }
}

/** The lines without their ends; the end of the last one may be missing. */
export function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

/** Answers the prompts of a login with one line after the other; shows what wants no answer. */
export function createLineAsker(lines: readonly string[], show: (text: string) => void): Asker {
  const left = [...lines]
  return {
    show,
    ask: async (_kind, text) => {
      const line = left.shift()
      if (line !== undefined) return line
      throw new CommandFault(
        'permission',
        `the login asks for more: ${text.trim()}`,
        'log in on a terminal, or give each answer as a further line of standard input',
      )
    },
  }
}
