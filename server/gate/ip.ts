/** IP addresses: text to bytes, and the few questions the gate asks of them. */
import { isIPv4, isIPv6 } from 'node:net'

/** An address in network byte order: 4 bytes, or 16. */
export interface IpAddress {
  readonly family: 4 | 6
  readonly bytes: readonly number[]
  /** The text it was read from; for an IPv4-mapped address the IPv4 text. Without a zone. */
  readonly text: string
}

/**
 * The address in `text`, or null when it is none. IPv4-mapped IPv6 (`::ffff:127.0.0.1`) is IPv4: a dual-stack socket
 * reports IPv4 peers so. A zone (`fe80::1%eth0`) is dropped.
 */
export function parseIp(text: string | undefined): IpAddress | null {
  if (text === undefined) return null
  if (isIPv4(text)) return { family: 4, bytes: text.split('.').map(Number), text }
  if (!isIPv6(text)) return null
  const bare = text.split('%', 1)[0] ?? ''
  const bytes = parseIpv6Bytes(bare)
  if (!isMapped(bytes)) return { family: 6, bytes, text: bare.toLowerCase() }
  const tail = bytes.slice(12)
  return { family: 4, bytes: tail, text: tail.join('.') }
}

/** True for 127.0.0.0/8 and ::1, IPv4-mapped forms too. */
export function isLoopback(ip: IpAddress | null): boolean {
  if (ip === null) return false
  if (ip.family === 4) return ip.bytes[0] === 127
  return ip.bytes.every((byte, index) => byte === (index === 15 ? 1 : 0))
}

/** The /64 an IPv6 address lies in, in the form of RFC 5952: `2001:db8::/64`. */
export function ipv6Prefix64(ip: IpAddress): string {
  const groups = [0, 2, 4, 6].map(at => (((ip.bytes[at] ?? 0) << 8) | (ip.bytes[at + 1] ?? 0)).toString(16))
  // The host half is the longest run of zeros, so the groups before it that are zero too always join it.
  while (groups.at(-1) === '0') groups.pop()
  return `${groups.join(':')}::/64`
}

function parseIpv6Bytes(text: string): number[] {
  const [head = '', tail] = text.split('::')
  const front = groupBytes(head)
  const back = groupBytes(tail ?? '')
  return [...front, ...Array.from({ length: 16 - front.length - back.length }, () => 0), ...back]
}

function groupBytes(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

function isMapped(bytes: readonly number[]): boolean {
  return bytes.slice(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff))
}
