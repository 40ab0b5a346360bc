/** How a certificate's key is named everywhere: what people compare, and what clients pin. */
import { createHash } from 'node:crypto'

/** `SHA256:` and the base64 without padding of SHA-256 over the key's DER SubjectPublicKeyInfo: it outlives a renewal. */
export function fingerprintOf(spki: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(spki).digest('base64').replace(/=+$/, '')}`
}
