/** Addresses and listeners: one spelling for each address, and which listeners get in each other's way. */
import { isIP, SocketAddress } from 'node:net'
import { isAbsolute, join } from 'node:path'
import { type Fault, faultAt } from './fault.ts'
import type { Loaded } from './load.ts'
import type { Listener, ParsedConfig } from './schema.ts'

/** An IP address in its one canonical spelling, or null where it is none. Zones (`%eth0`) are refused. */
export function canonicalAddress(address: string): string | null {
  if (address.includes('%')) return null
  try {
    // Not net.isIP: the regular expression behind it takes 6 ms at its first use, of every start.
    return new SocketAddress({ address, family: address.includes(':') ? 'ipv6' : 'ipv4' }).address
  } catch {
    return null
  }
}

/** Whether an address in canonical spelling can be reached from this machine only. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address)
}

/** The listener as it will be opened, or null where its keys do not make one. */
export function resolveListener(written: ParsedConfig['listen'][number], gateRuntime: string): Listener | null {
  const { unix, address, port, tls } = written
  if (unix !== undefined) {
    if (address !== undefined || port !== undefined || tls) return null
    return { unix: isAbsolute(unix) ? unix : join(gateRuntime, unix) }
  }
  if (address === undefined || port === undefined) return null
  const canonical = address === '*' ? '*' : canonicalAddress(address)
  return canonical === null ? null : { address: canonical, port, tls }
}

/** Where other machines are served with `remote: true`. */
export const remotePlace = { address: '*', port: 7643, tls: true } as const

/** Every place where HTTP is served: those of `listen`, and that of `remote`. */
export function listenersOf({ listen, remote }: { listen: readonly Listener[]; remote: boolean }): Listener[] {
  if (!remote || listen.some(place => isSamePlace(place, remotePlace))) return [...listen]
  return [...listen, remotePlace]
}

/** Whether the two cannot both be opened. */
export function isSamePlace(one: Listener, other: Listener): boolean {
  if ('unix' in one || 'unix' in other) return 'unix' in one && 'unix' in other && one.unix === other.unix
  if (one.port !== other.port) return false
  return one.address === other.address || covers(one.address, other.address) || covers(other.address, one.address)
}

function covers(wide: string, narrow: string): boolean {
  if (wide === '*') return true
  // An IPv6 listener of ours is IPv6 only, so :: does not stand in the way of IPv4.
  return (wide === '0.0.0.0' && isIP(narrow) === 4) || (wide === '::' && isIP(narrow) === 6)
}

/** The listeners below port 1024 that systemd did not pass a socket for: only systemd can open those for the gate. */
export function privilegedPortFaults(
  { config, originOf }: Pick<Loaded, 'config' | 'originOf'>,
  passed: readonly Listener[],
): Fault[] {
  return config.listen.flatMap((place, at) => {
    if ('unix' in place || place.port >= 1024) return []
    if (passed.some(socket => !('unix' in socket) && socket.port === place.port && socket.address === place.address))
      return []
    const message = `port ${place.port} is below 1024, expected a socket of that address passed by systemd`
    return [
      faultAt(
        originOf(['listen', at]),
        ['listen', at, 'port'],
        message,
        'add it to a socket unit, or use a port from 1024',
      ),
    ]
  })
}
