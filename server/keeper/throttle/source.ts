/** Whom the throttle counts: one name for each network or local user that an attempt can come from. */
import { isIPv4, isIPv6 } from 'node:net'

/**
 * An IPv4 address, an IPv6 /64, a local uid, all uids that are nobody's account, the HTTP UNIX socket, root's own socket,
 * or everybody whose origin is not known.
 */
export type Source =
  | `ip:${string}`
  | `ip6:${string}/64`
  | `uid:${number}`
  | typeof UNNAMED_SOURCE
  | 'unix'
  | 'root'
  | 'unknown'

/** Root's CLI on its own socket: never counted. The keeper says it by itself; no text from elsewhere parses to it. */
export const ROOT_SOURCE: Source = 'root'

/** Every uid without an account: who may map uids (newuidmap) has 65,536 of them. */
export const UNNAMED_SOURCE = 'uid:unnamed'

const HIGHEST_UID = 0xffff_fffe

/**
 * Names the source of an attempt from a peer's address (IPv4 or IPv6, a zone is ignored), its uid (a number), `unix`,
 * or the form this function itself returns, except `root`. Never fails: what cannot be read shares the source `unknown`.
 */
export function parseSource(given: string | number): Source {
  if (typeof given === 'number') return fromUid(given)
  if (given === 'unix' || given === UNNAMED_SOURCE) return given
  if (/^uid:\d{1,10}$/.test(given)) return fromUid(Number(given.slice(4)))
  if (given.startsWith('ip:')) return isIPv4(given.slice(3)) ? fromAddress(given.slice(3)) : 'unknown'
  if (given.startsWith('ip6:')) return given.endsWith('/64') ? fromAddress(given.slice(4, -3)) : 'unknown'
  return fromAddress(given)
}

/** Whether strangers to each other share this source, so that one's success says nothing about another. */
export function isSharedSource(source: Source): boolean {
  return source === 'unix' || source === 'unknown' || source === UNNAMED_SOURCE
}

/** The uid that a source names; null for a source that names none. */
export function uidOf(source: Source): number | null {
  return source.startsWith('uid:') ? Number(source.slice(4)) : null
}

/** Whether it is this machine by TCP, from somebody whose uid is not known. */
export function isLoopbackSource(source: Source): boolean {
  return source === 'ip:127.0.0.1' || source === 'ip6:::/64'
}

function fromUid(uid: number): Source {
  return Number.isInteger(uid) && uid >= 0 && uid <= HIGHEST_UID ? `uid:${uid}` : 'unknown'
}

function fromAddress(address: string): Source {
  if (isIPv4(address)) return fromIPv4(address)
  if (!isIPv6(address)) return 'unknown'
  const groups = expand(address.replace(/%.*$/s, ''))
  if (groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff) return fromIPv4(dotted(groups.slice(6)))
  const network = groups.slice(0, 4).map(group => group.toString(16))
  return `ip6:${canonical(`${network.join(':')}::`)}/64`
}

function fromIPv4(address: string): Source {
  // Every local process can choose among 16 million addresses in 127.0.0.0/8: they are one source.
  return address.startsWith('127.') ? 'ip:127.0.0.1' : `ip:${address}`
}

/** The shortest lower-case spelling (RFC 5952), with hexadecimal groups only, as the URL standard has it. */
function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}

function expand(address: string): number[] {
  const [head = '', tail] = canonical(address).split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16)))
  const left = parse(head)
  if (tail === undefined) return left
  const right = parse(tail)
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
}

function dotted(pair: number[]): string {
  return pair.flatMap(group => [group >> 8, group & 0xff]).join('.')
}
