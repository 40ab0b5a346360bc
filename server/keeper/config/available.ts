/** Keys that are part of the configuration, and that this version does not serve yet: said at start, never ignored. */
import { faultAt } from '../../config/fault.ts'
import type { Loaded } from '../../config/load.ts'
import { requirePamService } from '../pam/service.ts'
import { ConfigurationError } from './configuration.ts'

/** Throws `ConfigurationError` naming each key that asks for what this version cannot do. */
export function requireAvailable({ config, originOf }: Loaded): void {
  const asked: [string, boolean][] = [
    ['remote', config.remote],
    ['dialects', config.dialects.length > 0],
    ['kiosk', config.kiosk !== null],
    ['listen', config.listen.some(place => 'tls' in place && place.tls)],
  ]
  const faults = asked.flatMap(([key, isAsked]) =>
    isAsked ? [faultAt(originOf([key]), [key], 'is not served by this version', 'leave it out')] : [],
  )
  if (faults.length > 0) throw new ConfigurationError(faults)
}

/** Throws `ConfigurationError` for what this version does not serve, and where libpam would not find the service. */
export function requireServed(loaded: Loaded): void {
  requireAvailable(loaded)
  try {
    requirePamService(loaded.config.pam.service)
  } catch (fault) {
    const path = ['pam', 'service']
    const message = fault instanceof Error ? fault.message : String(fault)
    throw new ConfigurationError([
      faultAt(loaded.originOf(path), path, message, 'write it after systemd/pam.d/postern'),
    ])
  }
}
