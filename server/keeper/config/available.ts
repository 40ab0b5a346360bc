/** What a configuration without faults may still ask for in vain, on this machine or of this version: said, never ignored. */
import { type Fault, faultAt } from '../../config/fault.ts'
import type { Loaded } from '../../config/load.ts'
import { findAccount } from '../libc.ts'
import { requirePamService } from '../pam/service.ts'
import { ConfigurationError } from './configuration.ts'

function findUnservedKeys({ config, originOf }: Loaded): Fault[] {
  const asked: [string, boolean][] = [
    ['remote', config.remote],
    ['dialects', config.dialects.length > 0],
    ['listen', config.listen.some(place => 'tls' in place && place.tls)],
  ]
  return asked.flatMap(([key, isAsked]) =>
    isAsked ? [faultAt(originOf([key]), [key], 'is not served by this version', 'leave it out')] : [],
  )
}

function findPamFault({ config, originOf }: Loaded): Fault[] {
  try {
    requirePamService(config.pam.service)
    return []
  } catch (fault) {
    const path = ['pam', 'service']
    const message = fault instanceof Error ? fault.message : String(fault)
    return [faultAt(originOf(path), path, message, 'write it after systemd/pam.d/postern')]
  }
}

async function findGateUserFault({ config, originOf }: Loaded): Promise<Fault[]> {
  const { user } = config.gate
  // An ordinary user's gate runs as that user.
  if (process.getuid?.() !== 0 || (await findAccount(user)) !== null) return []
  const path = ['gate', 'user']
  const message = `there is no user ${user}, for the gate to run as`
  return [faultAt(originOf(path), path, message, `make it: useradd --system ${user}`)]
}

async function findKioskFault({ config, originOf }: Loaded): Promise<Fault[]> {
  if (config.kiosk === null) return []
  const { user } = config.kiosk
  const path = ['kiosk', 'user']
  const account = await findAccount(user)
  const uid = process.getuid?.() ?? 0
  if (account === null)
    return [faultAt(originOf(path), path, `there is no user ${user}`, `make it: useradd --create-home ${user}`)]
  if (account.uid === 0) return [faultAt(originOf(path), path, 'expected an account of its own, found one with uid 0')]
  if (uid === 0 || uid === account.uid) return []
  return [faultAt(originOf(path), path, "only root can serve another user's kiosk", 'leave it out')]
}

/** Throws `ConfigurationError` with everything that a start would refuse. */
export async function requireServed(loaded: Loaded): Promise<void> {
  const faults = [
    ...findUnservedKeys(loaded),
    ...findPamFault(loaded),
    ...(await findGateUserFault(loaded)),
    ...(await findKioskFault(loaded)),
  ]
  if (faults.length > 0) throw new ConfigurationError(faults)
}
