/** Access tokens: what is in them (RFC 7519, RFC 9068), and every way in which one is refused (RFC 8725). */
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto'
import { type CryptoKey, decodeJwt, decodeProtectedHeader, exportSPKI, type JWTPayload, SignJWT } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SigningKeys } from '../../../server/keeper/signing/keys.ts'
import { issueAccessToken } from '../../../server/keeper/token/issue.ts'
import { createOpaqueToken, hashOpaqueToken } from '../../../server/keeper/token/opaque.ts'
import { maxTokenLength, verifyToken } from '../../../server/operations/token.ts'
import { createHouse, type House, here, hour } from '../session/house.ts'
import { createMovableClock, noonMs } from '../session/movable-clock.ts'

const test = suite<{ house: House; token: string }>('keeper/token')
test.before.each(async context => {
  context.house = await createHouse()
  context.token = (await context.house.login('alice', { audience: ['https://other.example'] })).accessToken
})
test.after.each(({ house }) => house.close())

const verify = (house: House, token: string, issuer = 'postern') => verifyToken(token, issuer, house.keys.find)

test('the header is typ, alg and kid, and nothing else', ({ house, token }) => {
  assert.equal(decodeProtectedHeader(token), { typ: 'at+jwt', alg: 'EdDSA', kid: house.keys.active.kid })
})

test('the claims are those of RFC 9068 with the session and the name', async ({ house, token }) => {
  const claims = decodeJwt(token)
  const identity = await house.identity('alice')
  const members = ['amr', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'jti', 'name', 'sid', 'sub']
  assert.equal(Object.keys(claims).sort(), members)
  assert.is(claims.iss, 'postern')
  assert.is(claims.sub, identity.id)
  assert.match(claims.sub ?? '', /^[1-9]\d*$/)
  assert.is(claims.name, 'alice')
  assert.equal(claims.aud, ['postern', 'https://other.example'])
  assert.equal(claims.amr, ['pwd'])
  assert.is(claims.iat, Math.floor((noonMs + 1000) / 1000))
  assert.is(claims.auth_time, claims.iat)
  assert.is(claims.exp, (claims.iat ?? 0) + hour)
  assert.match(claims.jti ?? '', /^[\w-]{22}$/)
  assert.match(String(claims.sid), /^[\w-]{22}$/)
})

test('aud names postern once, also when it was asked for', async ({ house }) => {
  const { accessToken } = await house.login('alice', { audience: ['postern', 'a', 'a'] })
  assert.equal(decodeJwt(accessToken).aud, ['postern', 'a'])
})

test('auth_time stays that of the login when the token is renewed', async ({ house }) => {
  const first = await house.login('alice')
  house.clock.pass(100)
  const second = await house.sessions.refresh(first.refreshToken ?? '', here)
  const [before, after] = [decodeJwt(first.accessToken), decodeJwt(second?.accessToken ?? '')]
  assert.is(after.auth_time, before.auth_time)
  assert.is(after.iat, (before.iat ?? 0) + 100)
  assert.is.not(after.jti, before.jti)
})

test('no two tokens share a jti, a session id or a refresh token', async ({ house }) => {
  const all = await Promise.all(Array.from({ length: 20 }, () => house.login('alice')))
  const texts = all.flatMap(({ accessToken, refreshToken }) => [
    ...[decodeJwt(accessToken).jti, decodeJwt(accessToken).sid, refreshToken].map(String),
  ])
  assert.is(new Set(texts).size, 60)
})

test('a refresh token is 256 random bits, and its hash is not reversible by a look', () => {
  const seen: number[] = []
  const token = createOpaqueToken(bytes => {
    seen.push(bytes)
    return Buffer.alloc(bytes, 7)
  })
  assert.equal(seen, [32])
  assert.not.match(hashOpaqueToken(token), token.slice(0, 10))
  assert.is(hashOpaqueToken(token), hashOpaqueToken(token))
})

/** A token with the house's own key and whatever claims and header. */
async function forge(house: House, claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  const { kid, algorithm, privateKey } = house.keys.active
  return new SignJWT(claims).setProtectedHeader({ typ: 'at+jwt', alg: algorithm, kid, ...header }).sign(privateKey)
}

test('a token that is good is good', async ({ house, token }) => {
  assert.ok(await verify(house, token))
  assert.ok(await verify(house, await forge(house, decodeJwt(token))))
})

const headers: [name: string, header: Record<string, unknown>][] = [
  ['typ is JWT', { typ: 'JWT' }],
  ['typ is another spelling', { typ: 'AT+JWT' }],
  ['typ is the long form', { typ: 'application/at+jwt' }],
  ['typ is missing', { typ: undefined }],
  ['kid is missing', { kid: undefined }],
  ['kid is a number', { kid: 1 }],
  ['kid is nobody’s', { kid: 'nobody' }],
  ['kid is a member of every object', { kid: '__proto__' }],
]
for (const [name, header] of headers)
  test(`refuses a token whose ${name}`, async ({ house, token }) => {
    assert.is(await verify(house, await forge(house, decodeJwt(token), header)), null)
  })

const claimChanges: [name: string, change: Record<string, unknown>][] = [
  ['iss is another', { iss: 'other' }],
  ['iss is missing', { iss: undefined }],
  ['aud is another', { aud: ['other'] }],
  ['aud is a text', { aud: 'postern' }],
  ['aud is missing', { aud: undefined }],
  ['sub is a number', { sub: 1 }],
  ['sub is a name', { sub: 'alice' }],
  ['sub is negative', { sub: '-1' }],
  ['sub is longer than any number', { sub: '1'.repeat(17) }],
  ['sub has a line end', { sub: '1\n' }],
  ['sid is missing', { sid: undefined }],
  ['jti is missing', { jti: undefined }],
  ['exp is a text', { exp: '9999999999' }],
  ['amr is a text', { amr: 'pwd' }],
]
for (const [name, change] of claimChanges)
  test(`refuses a token of our own key whose ${name}`, async ({ house, token }) => {
    const claims = { ...decodeJwt(token), ...change } as JWTPayload
    assert.is(await verify(house, await rawToken(house, claims, token)), null)
  })

/** Signs claims that jose itself would refuse to write, with the header of `like`. */
function rawToken(house: House, claims: object, like: string): Promise<string> {
  return signRaw(house, `${like.split('.')[0]}.${encode(claims)}`)
}

async function signRaw(house: House, input: string): Promise<string> {
  const { privateKey } = house.keys.active
  const signature = await crypto.subtle.sign('Ed25519', privateKey as CryptoKey, Buffer.from(input))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('the raw signer of these tests signs what is good', async ({ house, token }) => {
  assert.ok(await verify(house, await rawToken(house, decodeJwt(token), token)))
})

test('refuses alg none, with and without a signature', async ({ house, token }) => {
  const [, claims] = token.split('.')
  for (const alg of ['none', 'None', 'NONE', 'nOnE', ''])
    for (const signature of ['', token.split('.')[2]]) {
      const header = encode({ typ: 'at+jwt', alg, kid: house.keys.active.kid })
      assert.is(await verify(house, `${header}.${claims}.${signature}`), null)
    }
})

test('refuses HS256 keyed with the public key, in every form it is published', async ({ house, token }) => {
  const { kid, key } = house.keys.active
  const [jwk] = house.keys.jwks().keys
  const forms = [await exportSPKI(key as CryptoKey), String(jwk?.x), JSON.stringify(jwk), kid]
  for (const form of forms) {
    const input = `${encode({ typ: 'at+jwt', alg: 'HS256', kid })}.${token.split('.')[1]}`
    const signature = createHmac('sha256', form).update(input).digest('base64url')
    assert.is(await verify(house, `${input}.${signature}`), null)
  }
})

test('refuses a foreign key under our key’s id', async ({ house, token }) => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const forged = await new SignJWT(decodeJwt(token))
    .setProtectedHeader({ typ: 'at+jwt', alg: 'EdDSA', kid: house.keys.active.kid })
    .sign(privateKey)
  assert.is(await verify(house, forged), null)
})

test('does not take a key that the token itself brings', async ({ house, token }) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const forged = await new SignJWT(decodeJwt(token))
    .setProtectedHeader({
      ...{ typ: 'at+jwt', alg: 'EdDSA', kid: house.keys.active.kid },
      ...{ jwk: publicKey.export({ format: 'jwk' }), jku: 'https://evil.example/jwks.json' },
    })
    .sign(privateKey)
  assert.is(await verify(house, forged), null)
})

test('refuses an algorithm that is not the key’s', async () => {
  const clock = createMovableClock()
  const options = { directory: null, secret: null, overlapMs: 1, clock, random: randomBytes } as const
  const [ed, es] = [
    await SigningKeys.open({ ...options, algorithm: 'EdDSA' }),
    await SigningKeys.open({ ...options, algorithm: 'ES256' }),
  ]
  const house = await createHouse({ keys: () => es })
  try {
    const { accessToken } = await house.login('alice')
    assert.is(decodeProtectedHeader(accessToken).alg, 'ES256')
    assert.ok(await house.isGood(accessToken))
    assert.is(await verifyToken(accessToken, 'postern', () => ed.active), null)
    assert.is(await verifyToken(accessToken, 'postern', () => ({ ...es.active, algorithm: 'EdDSA' })), null)
  } finally {
    await house.close()
  }
})

test('HS256: the secret signs and verifies, another does not', async () => {
  const clock = createMovableClock()
  const base = { directory: null, overlapMs: 1, clock, random: randomBytes, algorithm: 'HS256' } as const
  const keys = await SigningKeys.open({ ...base, secret: Buffer.alloc(32, 1) })
  const other = await SigningKeys.open({ ...base, secret: Buffer.alloc(32, 2) })
  const house = await createHouse({ keys: () => keys })
  try {
    const { accessToken } = await house.login('alice')
    assert.ok(await house.isGood(accessToken))
    assert.is(await verifyToken(accessToken, 'postern', () => other.active), null)
  } finally {
    await house.close()
  }
})

test('refuses a token of a key whose overlap is over', async ({ house }) => {
  const { accessToken } = await house.login('alice', { expiresMs: 30 * 24 * hour * 1000 })
  await house.keys.rotate()
  assert.ok(await verify(house, accessToken))
  house.clock.pass(30 * 24 * hour)
  assert.is(await verify(house, accessToken), null)
})

const mutants: [name: string, change: (token: string) => string][] = [
  ['nothing', () => ''],
  ['one part', token => token.split('.')[0] ?? ''],
  ['two parts', token => token.split('.').slice(0, 2).join('.')],
  ['four parts', token => `${token}.AAAA`],
  ['five parts', token => `${token}.AAAA.AAAA`],
  ['an empty signature', token => `${token.split('.').slice(0, 2).join('.')}.`],
  ['a signature with its first bit turned', token => flip(token, token.lastIndexOf('.') + 1)],
  ['claims with a bit turned', token => flip(token, token.indexOf('.') + 5)],
  ['a signature with its last bit turned, which says nothing', token => token.slice(0, -1) + turnLastBit(token)],
  ['a space before it', token => ` ${token}`],
  ['a line end after it', token => `${token}\n`],
  ['a NUL in it', token => token.replace('.', '.\0')],
  ['padding', token => `${token}==`],
  ['no base64 at all', () => 'ü.ü.ü'],
  ['a header that is no JSON', token => `e30x.${token.split('.').slice(1).join('.')}`],
  ['a header that is an array', token => `${encode([])}.${token.split('.').slice(1).join('.')}`],
  ['the JSON form of a JWS', token => JSON.stringify({ payload: token.split('.')[1] })],
]
for (const [name, change] of mutants)
  test(`refuses ${name}`, async ({ house, token }) => {
    assert.is(await verify(house, change(token)), null)
    assert.is(await house.sessions.resolve(change(token), here), null)
  })

function flip(token: string, at: number): string {
  const flipped = token[at] === 'A' ? 'B' : 'A'
  return token.slice(0, at) + flipped + token.slice(at + 1)
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
function turnLastBit(token: string): string {
  return digits[digits.indexOf(token.at(-1) ?? '') ^ 1] ?? ''
}

test('does not look at a token that is longer than the limit, however good', async ({ house, token }) => {
  const padded = await forge(house, { ...decodeJwt(token), padding: 'x'.repeat(maxTokenLength) })
  assert.is(await verify(house, padded), null)
  let looked = false
  await verifyToken('x'.repeat(maxTokenLength + 1), 'postern', () => {
    looked = true
    return null
  })
  assert.not.ok(looked)
})

test('refuses claims that are no UTF-8', async ({ house, token }) => {
  const text = Buffer.from(JSON.stringify({ ...decodeJwt(token), name: 'ali?e' }))
  text[text.indexOf('?')] = 0xff
  const input = `${token.split('.')[0]}.${text.toString('base64url')}`
  assert.is(await verify(house, await signRaw(house, input)), null)
})

test('an extension that must be understood is not passed over', async ({ house, token }) => {
  const header = encode({ typ: 'at+jwt', alg: 'EdDSA', kid: house.keys.active.kid, crit: ['exp'], exp: 1 })
  const input = `${header}.${token.split('.')[1]}`
  assert.is(await verify(house, await signRaw(house, input)), null)
})

test('exp is for others: the session’s own clock decides', async ({ house, token }) => {
  house.clock.setWall(noonMs + 100 * 24 * hour * 1000)
  assert.ok(await verify(house, token))
  assert.ok(await house.isGood(token))
})

test('a token of a grant that there is not, of our own key, is refused', async ({ house, token }) => {
  const { session } = await house.login('alice')
  const identity = await house.identity('alice')
  const grant = { jti: 'never', session: session.id, issued: session.began, accessMs: 1e9 }
  const made = { ...grant, refreshHash: null, refreshMs: null, spent: null }
  const unknown = await issueAccessToken({ session, identity, grant: made, issuer: 'postern' }, house.keys, house.clock)
  assert.ok(await verify(house, unknown))
  assert.not.ok(await house.isGood(unknown))
  assert.ok(await house.isGood(token))
})

const mixtures: [name: string, claim: 'sid' | 'sub'][] = [
  ['session', 'sid'],
  ['identity', 'sub'],
]
for (const [name, claim] of mixtures)
  test(`a token whose grant is of another ${name} is refused`, async ({ house, token }) => {
    const bob = decodeJwt((await house.login('bob')).accessToken)
    const mixed = await forge(house, { ...decodeJwt(token), [claim]: bob[claim] })
    assert.ok(await verify(house, mixed))
    assert.not.ok(await house.isGood(mixed))
  })

test.run()
