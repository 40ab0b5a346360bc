/** What the gate holds while its keeper is there: its settings and the rules made from them. */
import { X509Certificate } from 'node:crypto'
import { importJWK, type JWK } from 'jose'
import type { GateSettings } from '../link/message.ts'
import { fingerprintOf } from '../operations/fingerprint.ts'
import type { VerificationKey } from '../operations/token.ts'
import { createClientResolver } from './client-address.ts'
import { createHostCheck } from './host.ts'

/** The settings of now, with what is made from them once. */
export interface GateState {
  readonly settings: GateSettings
  readonly checkHost: ReturnType<typeof createHostCheck>
  readonly resolveClient: ReturnType<typeof createClientResolver>
  /** Of the certificate's key; null where HTTPS is not served. */
  readonly fingerprint: string | null
  /** Null when only the keeper can check a signature. */
  readonly keys: ReadonlyMap<string, Promise<VerificationKey>> | null
}

function spkiOf(certificate: string): Buffer {
  return new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
}

/** Makes the rules from the settings. */
export function createState(settings: GateSettings): GateState {
  const keys = settings.jwks.keys.map(jwk => {
    const algorithm = jwk.alg as VerificationKey['algorithm']
    return [String(jwk.kid), importJWK(jwk as JWK, algorithm).then(key => ({ algorithm, key }))] as const
  })
  return {
    settings,
    checkHost: createHostCheck(settings),
    resolveClient: createClientResolver(settings.trusted_proxies),
    fingerprint: settings.tls === null ? null : fingerprintOf(spkiOf(settings.tls.certificate)),
    keys: settings.verify_at_keeper ? null : new Map(keys),
  }
}
