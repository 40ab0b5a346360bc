/** Makes a self-signed certificate (RFC 5280). Loaded when one is to be made: the library is large. */
import { createPrivateKey, generateKeyPairSync, webcrypto } from 'node:crypto'
import type { Random } from '../clock.ts'
import type { Subject } from './names.ts'
import { addMetadata } from './reflect.ts'
import type { Validity } from './validity.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** Whether a certificate can be made for the key: one that was imported may be of another kind. */
export function isOfOwnKind(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1'
  } catch {
    return false
  }
}

/** A new P-256 key, as PEM. */
export function makeKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
}

/** The key's two halves, as the library wants them. */
async function importPair(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const jwk = createPrivateKey(pem).export({ format: 'jwk' }) as webcrypto.JsonWebKey
  const { d: _secret, ...open } = jwk
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']),
    webcrypto.subtle.importKey('jwk', open, algorithm, true, ['verify']),
  ])
  return { privateKey, publicKey }
}

/** Signs a certificate for the subject with the P-256 key, which becomes its own; PEM. */
export async function makeCertificate(
  key: string,
  { names, addresses }: Subject,
  { notBeforeMs, notAfterMs }: Validity,
  random: Random,
): Promise<string> {
  addMetadata()
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto)
  const { KeyUsageFlags, ExtendedKeyUsage } = x509
  const keys = await importPair(key)
  const [commonName = 'postern'] = names.filter(name => name !== 'localhost' && name.length <= 64)
  const serial = random(16)
  // Positive, and of full length (RFC 5280 §4.1.2.2).
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString('hex'),
    name: [{ CN: [commonName] }, { O: ['postern'] }],
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      // No authority: who trusts it by hand trusts this machine, and not whatever this key may sign.
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map(value => ({ type: 'dns' as const, value })),
        ...addresses.map(value => ({ type: 'ip' as const, value })),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}
