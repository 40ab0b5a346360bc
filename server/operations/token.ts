/** The access token (RFC 7519, RFC 9068): its claims, and the check of its signature that keeper and gate share. */
import { type CryptoKey, compactVerify, decodeProtectedHeader, errors, type KeyObject } from 'jose'

/** The audience that every token is for. */
export const ownAudience = 'postern'

/** Header `typ` of an access token (RFC 9068 §2.1): no other kind of JWT is taken for one (RFC 8725 §3.11). */
export const accessTokenType = 'at+jwt'

export interface Claims {
  readonly iss: string
  /** The identity's number in decimal. */
  readonly sub: string
  readonly aud: readonly string[]
  readonly exp: number
  readonly iat: number
  readonly jti: string
  readonly sid: string
  readonly auth_time: number
  readonly amr: readonly string[]
  readonly name: string
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string')
}

/** The claims if the payload has them all; by hand, because the gate needs no schemas but for this. */
function parseClaims(payload: unknown): Claims | null {
  if (typeof payload !== 'object' || payload === null) return null
  const claims = payload as { readonly [member in keyof Claims]?: unknown }
  const texts = [claims.iss, claims.sub, claims.jti, claims.sid, claims.name]
  const numbers = [claims.exp, claims.iat, claims.auth_time]
  if (!isTexts(texts) || !numbers.every(Number.isInteger)) return null
  if (!isTexts(claims.aud) || !isTexts(claims.amr) || !claims.aud.includes(ownAudience)) return null
  return /^\d{1,16}$/.test(texts[1] ?? '') ? (claims as Claims) : null
}

/** A key that verifies: its algorithm is the key's, never the token's choice (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly algorithm: 'EdDSA' | 'ES256' | 'HS256'
  readonly key: CryptoKey | KeyObject | Uint8Array
}

/** The longest token that is looked at, in characters. */
export const maxTokenLength = 8192

/** Base64url without padding or line ends (RFC 7515 §2); decoders are more lenient, and one token must not have many names. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Whether a text can be a token at all: its length, and the characters of a compact JWS in their one spelling. */
export function isTokenShaped(token: string): boolean {
  if (token.length > maxTokenLength || !compactForm.test(token)) return false
  // A signature does not fill its last character, and decoders ignore the bits left over. The other parts are signed as text.
  const signature = token.slice(token.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

/**
 * The claims of `token` if one of our keys signed it, else null. `exp` is not judged here: within a boot the session's
 * monotonic clock decides, and the keeper alone knows it.
 */
export async function verifyToken(
  token: string,
  issuer: string,
  findKey: (kid: string) => VerificationKey | null,
): Promise<Claims | null> {
  if (!isTokenShaped(token)) return null
  try {
    const { kid, typ } = decodeProtectedHeader(token)
    if (typ !== accessTokenType || typeof kid !== 'string') return null
    const found = findKey(kid)
    if (found === null) return null
    const { payload } = await compactVerify(token, found.key, { algorithms: [found.algorithm] })
    const claims = parseClaims(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)))
    return claims?.iss === issuer ? claims : null
  } catch (fault) {
    if (fault instanceof errors.JOSEError || fault instanceof SyntaxError || fault instanceof TypeError) return null
    throw fault
  }
}
