/** The signing keys: the active one, and those that still verify what they signed (overlap). */
import { createHmac, createSecretKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { calculateJwkThumbprint, importJWK, type JWK } from 'jose'
import * as z from 'zod'
import type { VerificationKey } from '../../operations/token.ts'
import type { Clock, Random } from '../clock.ts'
import { makeOwnDirectory, readSecretFile, removeFile, writeSecretFile } from '../file.ts'
import { elapsedMs, type Instant, instantNow } from '../instant.ts'

export type Algorithm = VerificationKey['algorithm']

export interface SigningKey extends VerificationKey {
  readonly kid: string
  /** Signs; `key` only verifies. They are the same with a shared secret. */
  readonly privateKey: VerificationKey['key']
  readonly createdMs: number | null
  /** Null while the key signs. */
  readonly retired: Instant | null
  readonly publicJwk: JWK | null
}

const stored = z.strictObject({
  kid: z.string(),
  algorithm: z.enum(['EdDSA', 'ES256']),
  created_ms: z.number(),
  retired: z.strictObject({ wallMs: z.number(), boot: z.string(), monotonicMs: z.number() }).nullable(),
  jwk: z.record(z.string(), z.string()),
})

type Stored = z.output<typeof stored>

function generateJwk(algorithm: Stored['algorithm']): JsonWebKey {
  const pair =
    algorithm === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return pair.privateKey.export({ format: 'jwk' })
}

async function toSigningKey(file: Stored): Promise<SigningKey> {
  const { d: _private, ...publicPart } = file.jwk
  const [privateKey, key] = await Promise.all([
    importJWK(file.jwk as JWK, file.algorithm),
    importJWK(publicPart as JWK, file.algorithm),
  ])
  return {
    kid: file.kid,
    algorithm: file.algorithm,
    privateKey,
    key,
    createdMs: file.created_ms,
    retired: file.retired,
    publicJwk: { ...publicPart, kid: file.kid, alg: file.algorithm, use: 'sig' } as JWK,
  }
}

/** Reads a key file. Its parser's words would quote it, and it holds a private key: none of them is passed on. */
async function readKey(path: string): Promise<{ file: Stored; key: SigningKey }> {
  const text = readSecretFile(path)
  try {
    const file = stored.parse(JSON.parse(text ?? ''))
    if ((await calculateJwkThumbprint(file.jwk as JWK)) !== file.kid) throw new TypeError('not its own thumbprint')
    return { file, key: await toSigningKey(file) }
  } catch {
    throw new Error(`${path} is damaged, expected a signing key: bring it back, or remove it and log everybody out`)
  }
}

function secretKey(secret: KeyObject): SigningKey {
  // The id must not be a hash of the secret itself: it is shown in every token.
  const kid = createHmac('sha256', secret).update('kid').digest('base64url').slice(0, 22)
  return { kid, algorithm: 'HS256', key: secret, privateKey: secret, createdMs: null, retired: null, publicJwk: null }
}

/** Where keys are kept; null keeps them in memory alone (`keys: ephemeral`). */
export interface SigningOptions {
  readonly algorithm: Algorithm
  readonly directory: string | null
  readonly secret: Buffer | null
  /** How long a retired key still verifies. */
  readonly overlapMs: number
  readonly clock: Clock
  readonly random: Random
}

/** The keys in use. */
export class SigningKeys {
  readonly #options: SigningOptions
  readonly #files = new Map<string, Stored>()
  readonly #keys = new Map<string, SigningKey>()
  #active: SigningKey | null = null

  private constructor(options: SigningOptions) {
    this.#options = options
  }

  /** Loads the keys and makes the first one if there is none. A key file that is damaged or not ours is a fault. */
  static async open(options: SigningOptions): Promise<SigningKeys> {
    const keys = new SigningKeys(options)
    await keys.#load()
    const { algorithm, secret } = options
    if (algorithm === 'HS256') {
      if (secret === null) throw new TypeError('HS256 needs jwt_secret')
      for (const former of keys.#files.values()) if (former.retired === null) await keys.#retire(former)
      keys.#activate(secretKey(createSecretKey(secret)))
    } else if (keys.#active?.algorithm !== algorithm) await keys.rotate()
    return keys
  }

  get active(): SigningKey {
    if (this.#active === null) throw new TypeError('no signing key is active')
    return this.#active
  }

  /** The key of that id, if it still verifies. */
  readonly find = (kid: string): SigningKey | null => {
    const key = this.#keys.get(kid)
    return key && !this.#isOver(key) ? key : null
  }

  list(): readonly SigningKey[] {
    return [...this.#keys.values()].filter(key => !this.#isOver(key))
  }

  /** The public keys as a JWK set (RFC 7517); empty with HS256. */
  jwks(): { keys: JWK[] } {
    return { keys: this.list().flatMap(key => (key.publicJwk ? [key.publicJwk] : [])) }
  }

  /**
   * Makes a new key and retires the one that signed until now. In between, once the new key verifies and before it signs,
   * `announce` tells those who verify.
   */
  async rotate(announce: () => Promise<void> = async () => {}): Promise<SigningKey> {
    const { algorithm, clock } = this.#options
    if (algorithm === 'HS256') throw new TypeError('a shared secret is rotated in the configuration')
    const jwk = generateJwk(algorithm) as Stored['jwk']
    const kid = await calculateJwkThumbprint(jwk as JWK)
    const file = { kid, algorithm, created_ms: clock.wallMs(), retired: null, jwk }
    this.#write(file)
    const key = await toSigningKey(file)
    this.#keys.set(kid, key)
    await announce()
    for (const former of this.#files.values()) {
      if (former.retired === null) await this.#retire(former)
    }
    this.#files.set(kid, file)
    this.#activate(key)
    return key
  }

  /** Removes the keys whose overlap is over. */
  sweep(): void {
    for (const key of this.#keys.values()) {
      if (!this.#isOver(key)) continue
      this.#keys.delete(key.kid)
      this.#files.delete(key.kid)
      if (this.#options.directory !== null) removeFile(join(this.#options.directory, `${key.kid}.json`))
    }
  }

  #isOver(key: SigningKey): boolean {
    return key.retired !== null && elapsedMs(key.retired, this.#options.clock) >= this.#options.overlapMs
  }

  #activate(key: SigningKey): void {
    this.#keys.set(key.kid, key)
    this.#active = key
  }

  async #retire(file: Stored): Promise<void> {
    const retired = { ...file, retired: instantNow(this.#options.clock) }
    this.#write(retired)
    this.#files.set(file.kid, retired)
    this.#keys.set(file.kid, await toSigningKey(retired))
  }

  async #load(): Promise<void> {
    const { directory } = this.#options
    if (directory === null) return
    makeOwnDirectory(directory, 0o700)
    for (const name of readdirSync(directory)) {
      if (!name.endsWith('.json')) continue
      const { file, key } = await readKey(join(directory, name))
      this.#files.set(file.kid, file)
      this.#keys.set(file.kid, key)
    }
    // Two that sign are what a fall in the middle of a rotation leaves: the newer one goes on.
    const signing = [...this.#files.values()].filter(file => file.retired === null)
    const [newest, ...others] = signing.sort((a, b) => b.created_ms - a.created_ms)
    for (const file of others) await this.#retire(file)
    this.#active = (newest && this.#keys.get(newest.kid)) ?? null
  }

  #write(file: Stored): void {
    const { directory, random } = this.#options
    if (directory !== null) writeSecretFile(join(directory, `${file.kid}.json`), JSON.stringify(file), random, 0o600)
  }
}
