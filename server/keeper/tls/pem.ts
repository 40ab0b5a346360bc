/** A certificate and its key as PEM texts: read, and refused where they do not fit or are too weak. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { canonicalAddress } from '../../config/listener.ts'
import { fingerprintOf } from '../../operations/fingerprint.ts'
import type { Subject } from './names.ts'
import type { Validity } from './validity.ts'

/** What HTTPS is served with, as PEM texts; `certificate` may be a chain, its own first. */
export interface Material {
  readonly certificate: string
  readonly key: string
}

/** A certificate that was read. */
export interface Certificate extends Subject, Validity {
  readonly fingerprint: string
  readonly sha256: string
  readonly selfSigned: boolean
  /** Of postern's own making. */
  readonly isOwn: boolean
  /** Kind and size of its key. */
  readonly key: string
}

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
const leastRsaBits = 2048

function nameKey({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | null {
  if (type === 'ec') return curves[details?.namedCurve ?? ''] ?? null
  const bits = details?.modulusLength ?? 0
  return type === 'rsa' && bits >= leastRsaBits ? `RSA ${bits}` : null
}

/** `DNS:` and `IP Address:` entries of the subject's alternative names; quoted ones, which hold odd characters, are left out. */
function namesOf(text: string | undefined): Subject {
  const entries = (text ?? '').split(', ')
  const after = (prefix: string) => entries.filter(one => one.startsWith(prefix)).map(one => one.slice(prefix.length))
  const addresses = after('IP Address:').map(canonicalAddress)
  return { names: after('DNS:'), addresses: addresses.filter(address => address !== null) }
}

/** Reads the first certificate of a PEM text. Throws what Node.js throws for one that is none. */
export function readCertificate(pem: string): Certificate {
  const certificate = new X509Certificate(pem)
  const { publicKey, subjectAltName, validFromDate, validToDate, fingerprint256 } = certificate
  // Not checkIssued: it denies a certificate that may sign no other.
  const selfSigned = certificate.issuer === certificate.subject && certificate.verify(publicKey)
  return {
    ...namesOf(subjectAltName),
    fingerprint: fingerprintOf(publicKey.export({ type: 'spki', format: 'der' })),
    sha256: fingerprint256,
    notBeforeMs: validFromDate.getTime(),
    notAfterMs: validToDate.getTime(),
    selfSigned,
    isOwn: selfSigned && certificate.issuer.split('\n').includes('O=postern'),
    key: nameKey(publicKey) ?? 'unknown',
  }
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}

/** Every certificate of a PEM text, or null when one of them is none. */
function readChain(pem: string): X509Certificate[] | null {
  const parts = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  try {
    return parts.map(part => new X509Certificate(part))
  } catch {
    return null
  }
}

/** What is wrong with a certificate and key, as a sentence without anything of the key; null when nothing is. */
export function faultOf({ certificate, key }: Material, nowMs: number): string | null {
  const [own] = readChain(certificate) ?? []
  if (own === undefined) return 'certificate: expected a certificate as PEM'
  const secret = readKey(key)
  if (secret === null) return 'key: expected a private key as PEM, without a passphrase'
  if (nameKey(secret) === null)
    return `key: expected ECDSA with P-256 or better, or RSA with ${leastRsaBits} bits or more`
  if (!own.checkPrivateKey(secret)) return 'the key is not that of the certificate'
  return own.validToDate.getTime() > nowMs ? null : `the certificate ended at ${own.validToDate.toISOString()}`
}
