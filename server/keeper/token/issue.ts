/** Writes access tokens (RFC 9068) and refresh tokens (RFC 6749 §1.5). */
import { createHash } from 'node:crypto'
import { SignJWT } from 'jose'
import { accessTokenType, ownAudience } from '../../operations/token.ts'
import type { Clock, Random } from '../clock.ts'
import { shownWallMs } from '../instant.ts'
import type { SigningKeys } from '../signing/keys.ts'
import type { Grant } from '../store/grant.ts'
import type { Identity } from '../store/identity.ts'
import type { Session } from '../store/session.ts'

/** An opaque refresh token of 256 bits. */
export function createRefreshToken(random: Random): string {
  return random(32).toString('base64url')
}

/** What the store keeps of a refresh token. It is random, so a plain hash is enough. */
export function hashRefreshToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** The signed access token of a grant. Its `exp` is for those who verify it elsewhere. */
export async function issueAccessToken(
  { session, identity, grant, issuer }: { session: Session; identity: Identity; grant: Grant; issuer: string },
  keys: SigningKeys,
  clock: Clock,
): Promise<string> {
  const { kid, algorithm, privateKey } = keys.active
  const issuedSeconds = Math.floor(shownWallMs(grant.issued, clock) / 1000)
  return new SignJWT({
    sid: session.id,
    auth_time: Math.floor(shownWallMs(session.began, clock) / 1000),
    amr: [...session.amr],
    name: identity.name,
  })
    .setProtectedHeader({ typ: accessTokenType, alg: algorithm, kid })
    .setIssuer(issuer)
    .setSubject(identity.id)
    .setAudience([...new Set([ownAudience, ...session.audience])])
    .setIssuedAt(issuedSeconds)
    .setExpirationTime(issuedSeconds + Math.floor(grant.accessMs / 1000))
    .setJti(grant.jti)
    .sign(privateKey)
}
