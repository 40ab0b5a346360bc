/** The access token (RFC 7519, RFC 9068): its claims, and the check of its signature that keeper and gate share. */
import { type CryptoKey, compactVerify, decodeProtectedHeader, errors, type KeyObject } from 'jose'
import * as z from 'zod'

/** The audience that every token is for. */
export const ownAudience = 'postern'

/** Header `typ` of an access token (RFC 9068 §2.1): no other kind of JWT is taken for one (RFC 8725 §3.11). */
export const accessTokenType = 'at+jwt'

const claims = z.object({
  iss: z.string(),
  sub: z.string().regex(/^\d{1,16}$/),
  aud: z.array(z.string()).refine(audience => audience.includes(ownAudience)),
  exp: z.int(),
  iat: z.int(),
  jti: z.string(),
  sid: z.string(),
  auth_time: z.int(),
  amr: z.array(z.string()),
  name: z.string(),
})

export type Claims = z.output<typeof claims>

/** A key that verifies: its algorithm is the key's, never the token's choice (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly algorithm: 'EdDSA' | 'ES256' | 'HS256'
  readonly key: CryptoKey | KeyObject | Uint8Array
}

/** The longest token that is looked at, in characters. */
export const maxTokenLength = 8192

/** Base64url without padding or line ends (RFC 7515 §2); decoders are more lenient, and one token must not have many names. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/

/**
 * The claims of `token` if one of our keys signed it, else null. `exp` is not judged here: within a boot the session's
 * monotonic clock decides, and the keeper alone knows it.
 */
export async function verifyToken(
  token: string,
  issuer: string,
  findKey: (kid: string) => VerificationKey | null,
): Promise<Claims | null> {
  if (token.length > maxTokenLength || !compactForm.test(token)) return null
  try {
    const { kid, typ } = decodeProtectedHeader(token)
    if (typ !== accessTokenType || typeof kid !== 'string') return null
    const found = findKey(kid)
    if (found === null) return null
    const { payload } = await compactVerify(token, found.key, { algorithms: [found.algorithm] })
    const parsed = claims.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)))
    return parsed.success && parsed.data.iss === issuer ? parsed.data : null
  } catch (fault) {
    if (fault instanceof errors.JOSEError || fault instanceof SyntaxError || fault instanceof TypeError) return null
    throw fault
  }
}
