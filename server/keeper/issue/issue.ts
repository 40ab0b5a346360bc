/** What the machine's own screen says before a login (issue(5)): where other machines find it, its fingerprint, a QR code. */
import { dirname } from 'node:path'
import type { Random } from '../clock.ts'
import { makeOwnDirectory, removeFile, writeSecretFile } from '../file.ts'

export interface IssueOptions {
  /** Null for none: an ordinary user's instance. */
  readonly file: string | null
  readonly random: Random
  /** What there is to say now; no URL is nothing. */
  readonly facts: () => { readonly urls: readonly string[]; readonly fingerprint: string | null }
}

/** agetty takes a backslash for the start of one of its codes. */
function plain(text: string): string {
  return text.replaceAll('\\', '')
}

async function compose(urls: readonly string[], fingerprint: string): Promise<string> {
  const [first = ''] = urls
  const { default: qrcode } = await import('qrcode')
  const picture = await qrcode.toString(first, { type: 'utf8', errorCorrectionLevel: 'L' })
  const lines = [`Sign in from another machine: ${urls.join('  ')}`, `Fingerprint: ${fingerprint}`]
  return `${plain(lines.join('\n'))}\n${picture}\n\n`
}

/** The file, kept up to date. */
export class Issue {
  readonly #options: IssueOptions
  /** Null: what a former run left there is not known. */
  #written: string | null = null

  constructor(options: IssueOptions) {
    this.#options = options
  }

  /** Writes it if something has changed; removes it when there is nothing to say. */
  async tick(): Promise<void> {
    const { file, facts, random } = this.#options
    if (file === null) return
    const { urls, fingerprint } = facts()
    const state = fingerprint === null || urls.length === 0 ? '' : JSON.stringify([urls, fingerprint])
    if (state === this.#written) return
    if (state === '' || fingerprint === null) removeFile(file)
    else {
      makeOwnDirectory(dirname(file), 0o755)
      writeSecretFile(file, await compose(urls, fingerprint), random, 0o644)
    }
    this.#written = state
  }

  /** At a stop: nobody is there to sign in with. */
  remove(): void {
    if (this.#options.file !== null) removeFile(this.#options.file)
  }
}
