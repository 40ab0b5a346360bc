/** Questions on a terminal: secrets are typed without echo, and the terminal is left as it was found. */
import { escapeLines } from './escape.ts'
import { CommandFault } from './fault.ts'
import { LineEditor } from './line-editor.ts'

/** Who answers the prompts of a login. */
export interface Asker {
  /** Shows a text that wants no answer. */
  show(text: string): void
  /** Throws a `CommandFault` when there is no answer to be had. */
  ask(kind: 'secret' | 'text', text: string): Promise<string>
}

/** Asks on the terminal that `input` is; prompts go to stderr, since stdout is for data. */
export class Terminal implements Asker {
  readonly #input: NodeJS.ReadStream
  #typedAhead = ''

  /** Throws a `CommandFault` when `input` is no terminal. */
  constructor(input: NodeJS.ReadStream) {
    if (!input.isTTY)
      throw new CommandFault('usage', 'there is no terminal to ask for a password on', 'use --password-stdin')
    this.#input = input.setEncoding('utf8')
  }

  show(text: string): void {
    process.stderr.write(`${escapeLines(text)}\n`)
  }

  async ask(kind: 'secret' | 'text', text: string): Promise<string> {
    const isSecret = kind === 'secret'
    // First the mode, then the prompt: what is typed at the sight of it must not be echoed.
    if (isSecret) this.#input.setRawMode(true)
    try {
      process.stderr.write(withSpace(escapeLines(text)))
      return await this.#readLine(isSecret)
    } finally {
      if (isSecret) {
        this.#input.setRawMode(false)
        process.stderr.write('\n')
      }
    }
  }

  /** In raw mode the keys are ours to interpret; else the terminal's driver has done so, and sends whole lines. */
  #readLine(isRaw: boolean): Promise<string> {
    const editor = new LineEditor(isRaw)
    return new Promise<string>((resolve, reject) => {
      const take = (typed: string) => {
        const { outcome, rest } = editor.push(typed)
        if (outcome === 'open') return
        this.#typedAhead = rest
        stop()
        if (outcome === 'done') resolve(editor.line)
        else reject(new CommandFault('interrupted', 'interrupted'))
      }
      const end = () => {
        stop()
        reject(new CommandFault('interrupted', 'the terminal was closed'))
      }
      const stop = () => {
        this.#input.off('data', take).off('end', end).pause()
      }
      this.#input.on('data', take).on('end', end).resume()
      if (this.#typedAhead !== '') take(this.#typedAhead.slice())
    })
  }
}

function withSpace(prompt: string): string {
  return /\s$/.test(prompt) ? prompt : `${prompt} `
}
