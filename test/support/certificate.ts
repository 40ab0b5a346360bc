/** Keys and certificates by openssl, and the pin of a key computed without postern. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanAtEnd } from './cleanup.ts'

export interface Certificate {
  readonly keyFile: string
  readonly certificateFile: string
  /** `SHA256:…` of its public key. */
  readonly pin: string
  remove(): void
}

const openssl = (args: readonly string[], input?: Buffer) =>
  execFileSync('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'], ...(input && { input }) })

/** Makes one that signs itself, for names such as `DNS:box.example` or `IP:127.0.0.1`. */
export function createCertificate(names: readonly string[] = ['IP:127.0.0.1']): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'postern-certificate-'))
  const keyFile = join(directory, 'key.pem')
  const certificateFile = join(directory, 'certificate.pem')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
  const names509 = ['-subj', '/CN=postern test', '-addext', `subjectAltName=${names.join(',')}`]
  openssl(['req', '-x509', ...key, ...names509, '-days', '30', '-out', certificateFile])
  const spki = openssl(
    ['pkey', '-pubin', '-outform', 'der'],
    openssl(['x509', '-in', certificateFile, '-pubkey', '-noout']),
  )
  const hash = openssl(['dgst', '-sha256', '-binary'], spki).toString('base64').replace(/=+$/, '')
  const remove = () => rmSync(directory, { recursive: true, force: true })
  const forget = cleanAtEnd(remove)
  return {
    ...{ keyFile, certificateFile, pin: `SHA256:${hash}` },
    remove() {
      forget()
      remove()
    },
  }
}
