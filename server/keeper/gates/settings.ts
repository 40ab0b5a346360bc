/** What a gate is told of the configuration. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { listenersOf } from '../../config/listener.ts'
import type { Config } from '../../config/schema.ts'
import type { GateSettings } from '../../link/message.ts'
import { findAccount } from '../libc.ts'
import type { SigningKeys } from '../signing/keys.ts'

/** The machine's full name, if its host name or /etc/hosts says one. No name server is asked: it could say anything. */
export function findFqdn(host: string): string | null {
  if (host.includes('.')) return host
  try {
    const lines = readFileSync('/etc/hosts', 'utf8').split('\n')
    const names = lines.map(line => line.replace(/#.*/, '').trim().split(/\s+/).slice(1))
    return names.find(line => line.includes(host))?.find(name => name.startsWith(`${host}.`)) ?? null
  } catch {
    return null
  }
}

/** The gate's part of the configuration, with the public keys. */
export async function describeForGates(
  config: Config,
  { keys, tls, version }: { keys: SigningKeys; tls: GateSettings['tls']; version: string },
): Promise<GateSettings> {
  const host = hostname()
  const kiosk = config.kiosk === null ? null : await findAccount(config.kiosk.user)
  return {
    listen: listenersOf(config),
    hostname: host,
    fqdn: findFqdn(host),
    hosts: config.hosts,
    trusted_proxies: config.trusted_proxies,
    kiosk_uid: kiosk?.uid ?? null,
    cookie_seconds: config.session.cookie_seconds,
    issuer: issuerOf(config),
    jwks: keys.jwks() as unknown as GateSettings['jwks'],
    verify_at_keeper: keys.active.algorithm === 'HS256',
    tls,
    hsts_seconds: config.tls.hsts_seconds,
    log_level: config.log.level,
    version,
  }
}

/** The tokens' `iss`. */
export function issuerOf(config: Config): string {
  return config.token.issuer ?? 'postern'
}
