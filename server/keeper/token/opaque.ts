/** Opaque tokens: refresh tokens (RFC 6749 §1.5) and tickets. Random, and kept hashed. */
import { createHash } from 'node:crypto'
import type { Random } from '../clock.ts'

/** One of 256 bits, in base64url. */
export function createOpaqueToken(random: Random): string {
  return random(32).toString('base64url')
}

/** What the store keeps of one. It is random, so a plain hash is enough. */
export function hashOpaqueToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
