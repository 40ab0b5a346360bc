/** Who a request really comes from and over which scheme, told apart from what any sender may claim (RFC 7239). */
import { BlockList } from 'node:net'
import { type ForwardedElement, parseForwarded } from './forwarded.ts'
import { type HeaderFields, headerText } from './header.ts'
import type { Scheme } from './host.ts'
import { type IpAddress, ipv6Prefix64, isLoopback, parseIp } from './ip.ts'

/** The connection's own facts. */
export interface PeerConnection {
  readonly remoteAddress: string | undefined
  readonly viaUnix: boolean
  /** True when this very connection is TLS that we ended. */
  readonly tls: boolean
}

/** Who it comes from, after trusted proxies were believed. */
export interface Client {
  /** Null on the UNIX socket when no trusted proxy named an address, and on a closed connection. */
  readonly ip: IpAddress | null
  readonly viaUnix: boolean
  /** True when the peer itself is one of `trusted_proxies`. */
  readonly trustedProxy: boolean
  /** As the browser sees it. */
  readonly scheme: Scheme
  /** The Host fields that trusted proxies saw, each once, in lower case; they are not checked yet. */
  readonly hosts: readonly string[]
  /** The path below which a trusted proxy has us, such as `/sub`; else empty. */
  readonly prefix: string
}

type Trust = (ip: IpAddress | null, viaUnix: boolean) => boolean
const NO_HOSTS: readonly string[] = []
// A path of the same site whatever it holds: no second slash at its start, no dots that lead out of it.
const PREFIX = /^(?:\/[\w~-][\w~.-]*){1,16}$/
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['http', 'http'],
  ['https', 'https'],
  // Some proxies name a WebSocket's scheme instead.
  ['ws', 'http'],
  ['wss', 'https'],
])

/**
 * Makes, once at start, the function that resolves a connection and its headers to a client. `trustedProxies` holds
 * addresses, CIDR ranges and `unix` (who connects by the HTTP UNIX socket); throws TypeError for anything else.
 * From a trusted proxy the client is the rightmost untrusted address of X-Forwarded-For or Forwarded; a hop that cannot
 * be read counts against the proxy that passed it on. From anybody else these headers are not looked at.
 */
export function createClientResolver(
  trustedProxies: readonly string[],
): (peer: PeerConnection, headers: HeaderFields) => Client {
  const isTrusted = createTrust(trustedProxies)
  return function resolveClient({ remoteAddress, viaUnix, tls }, headers) {
    const ip = parseIp(remoteAddress)
    const scheme = tls ? 'https' : 'http'
    const trustedProxy = isTrusted(ip, viaUnix)
    if (!trustedProxy) return { ip, viaUnix, trustedProxy, scheme, hosts: NO_HOSTS, prefix: '' }
    const { ip: forwardedIp, protos, hosts } = readForwarding(headers, ip, isTrusted)
    const prefix = readPrefix(headerText(headers, 'x-forwarded-prefix'))
    return { ip: forwardedIp, viaUnix, trustedProxy, scheme: agreedScheme(protos) ?? scheme, hosts, prefix }
  }
}

/**
 * What the throttle counts by: `uid:1000` for a direct loopback peer whose uid is known, `ip:203.0.113.7`,
 * `ip6:2001:db8::/64` (one person holds at least that much), `unix` for the UNIX socket, `unknown` for a closed connection.
 */
export function sourceOf(client: Client, uid: number | null): string {
  const { ip, viaUnix, trustedProxy } = client
  if (ip === null) return viaUnix ? 'unix' : 'unknown'
  // Behind a proxy the uid is the proxy's, whoever it speaks for.
  if (uid !== null && !trustedProxy && isLoopback(ip)) return `uid:${uid}`
  return ip.family === 4 ? `ip:${ip.text}` : `ip6:${ipv6Prefix64(ip)}`
}

function createTrust(entries: readonly string[]): Trust {
  const list = new BlockList()
  for (const entry of entries) if (entry !== 'unix') addRange(list, entry)
  const trustsUnix = entries.includes('unix')
  if (entries.length === 0) return () => false
  return (ip, viaUnix) => (viaUnix ? trustsUnix : ip !== null && list.check(ip.text, familyName(ip)))
}

function addRange(list: BlockList, entry: string): void {
  const [address = '', prefix] = entry.split('/')
  const ip = parseIp(address)
  const bits = ip?.family === 4 ? 32 : 128
  const length = prefix === undefined ? bits : Number(prefix)
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && length <= bits)
  if (ip === null || !isPrefix || entry.split('/').length > 2)
    throw new TypeError(`trusted_proxies: "${entry}" is not an address, a CIDR range or unix`)
  list.addSubnet(ip.text, length, familyName(ip))
}

function familyName(ip: IpAddress): 'ipv4' | 'ipv6' {
  return ip.family === 4 ? 'ipv4' : 'ipv6'
}

/** The furthest hop that a trusted proxy vouches for. */
interface Reached {
  readonly ip: IpAddress | null
  readonly host: string | null
  readonly proto: string | null
}

/** Proxies commonly write one of the two headers and let the other one through as the stranger sent it: both must agree. */
function readForwarding(headers: HeaderFields, peer: IpAddress | null, isTrusted: Trust) {
  const listed = headerText(headers, 'x-forwarded-for')
  const forwarded = headerText(headers, 'forwarded')
  const protos = headerText(headers, 'x-forwarded-proto')?.split(',') ?? []
  const hosts = headerText(headers, 'x-forwarded-host')?.split(',') ?? []
  const walks = []
  if (listed !== null) walks.push(walk(listed.split(',').map(node => ({ for: node.trim(), host: null, proto: null }))))
  if (forwarded !== null) walks.push(walk(parseForwarded(forwarded) ?? []))
  for (const { host, proto } of walks) {
    if (proto !== null) protos.push(proto)
    if (host !== null) hosts.push(host)
  }
  const [first, second] = walks
  const agree = second === undefined || first?.ip?.text === second.ip?.text
  return {
    ip: agree ? (first?.ip ?? peer) : peer,
    protos,
    hosts: [...new Set(hosts.map(host => host.trim().toLowerCase()))],
  }

  function walk(hops: readonly ForwardedElement[]): Reached {
    let reached: Reached = { ip: peer, host: null, proto: null }
    for (const hop of hops.toReversed()) {
      const ip = parseNode(hop.for)
      if (ip === null) break
      reached = { ip, host: hop.host, proto: hop.proto }
      if (!isTrusted(ip, false)) break
    }
    return reached
  }
}

function readPrefix(text: string | null): string {
  const prefix = text?.replace(/\/$/, '') ?? ''
  return prefix.length <= 256 && PREFIX.test(prefix) ? prefix : ''
}

/** A node of either header: an address, bracketed or not, with or without a port. Names such as `unknown` are none. */
function parseNode(node: string | null): IpAddress | null {
  if (node === null || node.includes('%')) return null
  const match = /^(?:\[([^\]]+)\]|([0-9.]+))(?::\d{1,5})?$/.exec(node)
  return parseIp(match === null ? node : (match[1] ?? match[2]))
}

/** The one scheme that all statements name; null when they differ, name another, or there are none. */
function agreedScheme(protos: readonly string[]): Scheme | null {
  const schemes = new Set(protos.map(proto => SCHEMES.get(proto.trim().toLowerCase()) ?? null))
  const [scheme] = schemes
  return schemes.size === 1 ? (scheme ?? null) : null
}
