/** The certificate in force: postern's own, made when it is missing and again before it ends, or one of the configuration. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../link/log.ts'
import type { Clock, Random } from '../clock.ts'
import { makeOwnDirectory, readSecretFile, writeSecretFile } from '../file.ts'
import { type Files, readFiles, stampOf } from './files.ts'
import { covers, type Subject } from './names.ts'
import { type Certificate, faultOf, type Material, readCertificate } from './pem.ts'
import { isDue, validityAt } from './validity.ts'

/** How long a certificate that could not be made or read is let be, in milliseconds. */
const retryMs = 60_000

export interface TlsSettings {
  /** Whether HTTPS is served anywhere. */
  readonly isServed: boolean
  /** Files of the configuration; null for postern's own certificate. */
  readonly files: Files | null
}

export interface TlsOptions {
  /** `tls` in the state directory. */
  readonly directory: string
  readonly settings: () => TlsSettings
  readonly subject: () => Subject
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Called when another certificate is in force, or none any more. */
  readonly changed: () => Promise<void>
}

/** What is served, and what was read of it. */
export interface Served {
  readonly material: Material
  readonly certificate: Certificate
}

/** The certificate that HTTPS is served with. */
export class Tls {
  readonly #options: TlsOptions
  #served: Served | null = null
  #stamp = ''
  #retryAtMs = 0

  constructor(options: TlsOptions) {
    this.#options = options
  }

  /** Null while HTTPS is not served. */
  get served(): Served | null {
    return this.#served
  }

  get #own(): Files {
    const { directory } = this.#options
    return { certificate: join(directory, 'certificate.pem'), key: join(directory, 'key.pem') }
  }

  /** Makes what is missing. Throws when HTTPS is to be served and cannot be; the former stays in force. Tells nobody. */
  async open(): Promise<void> {
    const former = this.#served
    try {
      await this.#open()
    } catch (fault) {
      this.#served = former
      throw fault
    }
  }

  async #open(): Promise<void> {
    const { isServed, files } = this.#options.settings()
    if (!isServed) {
      this.#served = null
      return
    }
    if (files === null) return this.#openOwn()
    this.#served = this.#read(files)
    this.#stamp = stampOf(files)
  }

  /** Does as `open` and tells when something changed. */
  async #reopen(): Promise<void> {
    const former = this.#served?.material
    await this.open()
    if (!isSame(former, this.#served?.material)) await this.#options.changed()
  }

  /** Renews before the end and when names or addresses have come; follows files that were replaced. */
  async tick(): Promise<void> {
    const { settings, clock, log } = this.#options
    const { isServed, files } = settings()
    if (!isServed || this.#served === null || clock.monotonicMs() < this.#retryAtMs) return
    if (files === null ? !this.#isOwnDue() : stampOf(files) === this.#stamp) return
    try {
      await this.#reopen()
    } catch (fault) {
      this.#retryAtMs = clock.monotonicMs() + retryMs
      const text = fault instanceof Error ? fault.message : String(fault)
      log('error', 'the certificate could not be replaced, the former stays in force', { fault: text })
    }
  }

  /** Makes postern's own certificate anew, with the key that it has. False where it serves one of somebody else's making. */
  async renew(): Promise<boolean> {
    const { settings, changed } = this.#options
    if (settings().files !== null || this.#served?.certificate.isOwn !== true) return false
    await this.#make(this.#served.material.key)
    await changed()
    return true
  }

  /** Puts a certificate and key in the place of postern's own. A sentence that says why not, or null. */
  async accept(material: Material): Promise<string | null> {
    const { clock, changed } = this.#options
    const fault = faultOf(material, clock.wallMs())
    if (fault !== null) return fault
    this.#write(material)
    await changed()
    return null
  }

  async #openOwn(): Promise<void> {
    makeOwnDirectory(this.#options.directory, 0o700)
    const { certificate, key } = this.#own
    const held = readSecretFile(key)
    if (held === null || !existsSync(certificate)) return this.#make(held)
    this.#served = this.#readOwn(held)
    // Cut short between the two files, or damaged: the key stays what clients have pinned.
    if (this.#served === null || this.#isOwnDue()) await this.#make(held)
  }

  #readOwn(key: string): Served | null {
    const material = { certificate: readSecretFile(this.#own.certificate) ?? '', key }
    const fault = faultOf(material, Number.NEGATIVE_INFINITY)
    if (fault !== null) this.#options.log('warn', 'the certificate is made anew', { fault })
    return fault === null ? { material, certificate: readCertificate(material.certificate) } : null
  }

  /** Somebody else's certificate, imported, is theirs to renew. */
  #isOwnDue(): boolean {
    const { clock, subject } = this.#options
    const certificate = this.#served?.certificate
    if (certificate === undefined || !certificate.isOwn) return false
    return isDue(certificate, clock.wallMs()) || !covers(certificate, subject())
  }

  async #make(held: string | null): Promise<void> {
    const { subject, clock, random, log } = this.#options
    const { isOfOwnKind, makeCertificate, makeKey } = await import('./make.ts')
    const key = held !== null && isOfOwnKind(held) ? held : makeKey()
    const certificate = await makeCertificate(key, subject(), validityAt(clock.wallMs()), random)
    this.#write({ certificate, key })
    log('info', `a certificate was made, its fingerprint is ${this.#served?.certificate.fingerprint}`)
  }

  #write(material: Material): void {
    const { directory, random } = this.#options
    makeOwnDirectory(directory, 0o700)
    // The key first: a certificate without its key serves nobody, a key without its certificate gets a new one.
    if (readSecretFile(this.#own.key) !== material.key) writeSecretFile(this.#own.key, material.key, random, 0o600)
    writeSecretFile(this.#own.certificate, material.certificate, random, 0o600)
    this.#served = { material, certificate: readCertificate(material.certificate) }
  }

  /** The configuration's files. Throws for what cannot be served with. */
  #read(files: Files): Served {
    const { log, clock } = this.#options
    const material = readFiles(files)
    const fault = faultOf(material, Number.NEGATIVE_INFINITY)
    if (fault !== null) throw new Error(`tls: ${fault}`)
    const expired = faultOf(material, clock.wallMs())
    // The clock may be wrong: clients decide.
    if (expired !== null) log('warn', `tls: ${expired}`)
    return { material, certificate: readCertificate(material.certificate) }
  }
}

function isSame(one: Material | undefined, other: Material | undefined): boolean {
  return one?.certificate === other?.certificate && one?.key === other?.key
}
