/** Writes access tokens (RFC 9068). */
import { SignJWT } from 'jose'
import { accessTokenType, ownAudience } from '../../operations/token.ts'
import type { Clock } from '../clock.ts'
import { shownWallMs } from '../instant.ts'
import type { SigningKeys } from '../signing/keys.ts'
import type { Grant } from '../store/grant.ts'
import type { Identity } from '../store/identity.ts'
import type { Session } from '../store/session.ts'

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
