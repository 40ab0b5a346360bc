/** What PAM is told of where a login comes from (PAM_RHOST). */
import { isIP } from 'node:net'
import type { From } from '../../link/message.ts'

/**
 * The remote host of a login: empty for somebody at this machine, else an address, of IPv6 that of the network. What
 * came over this machine for somebody unknown (a proxy) has the machine's own: a name that is none would be looked up
 * by modules such as pam_access, and an empty one would make it local.
 */
export function remoteHost({ local, source }: Pick<From, 'local' | 'source'>): string {
  if (local) return ''
  const address = source.replace(/^ip6?:/, '').replace(/\/64$/, '')
  return isIP(address) === 0 ? '127.0.0.1' : address
}
