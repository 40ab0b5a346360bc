/** The Host field (RFC 9110 §7.2): read strictly, and refused unless it is ours, which is what stops DNS rebinding. */
import { isIPv6 } from 'node:net'
import { quoteSeen } from './header.ts'
import { isLoopback, parseIp } from './ip.ts'

/** The scheme as the browser sees it. */
export type Scheme = 'http' | 'https'

/** A Host field that was read. */
export interface Host {
  /** Lower-case; no brackets around IPv6, no trailing dot. */
  readonly hostname: string
  /** Null when the field names none. */
  readonly port: number | null
  /** The field in lower case, trailing dot kept: what an Origin is compared with. */
  readonly authority: string
}

/** What `createHostCheck` answers; `detail` names what was seen and is safe to print, not to put into HTML unescaped. */
export type HostAnswer =
  | { readonly ok: true; readonly host: Host }
  | {
      readonly ok: false
      readonly reason: 'host_missing' | 'host_duplicate' | 'host_malformed' | 'host_unknown'
      readonly detail: string
    }

/** The names of this machine, and those the configuration adds under `hosts:`. */
export interface HostNames {
  /** As the kernel has it; one that is no DNS name, such as `(none)`, is passed over. */
  readonly hostname: string
  /** Null when the machine has none. */
  readonly fqdn: string | null
  /** Names or IP literals without a port. */
  readonly hosts: readonly string[]
}

const SHAPE = /^(?:\[([0-9a-f:.]+)\]|((?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63})\.?)(?::([1-9][0-9]{0,4}))?$/
const MAX_LENGTH = 260
// A browser says the same Host on every request, and reading it costs ten times as much as looking it up.
const MAX_ACCEPTED = 64

/** Reads one Host field, or a name from the configuration: a DNS name or an IP literal, and a port. Null when it is neither. */
export function parseHost(value: string): Host | null {
  if (value.length > MAX_LENGTH) return null
  const authority = value.toLowerCase()
  const match = SHAPE.exec(authority)
  if (match === null) return null
  const [, ipv6, name, portText] = match
  const port = portText === undefined ? null : Number(portText)
  if (port !== null && port > 65535) return null
  if (ipv6 !== undefined) return isIPv6(ipv6) ? { hostname: ipv6, port, authority } : null
  return name === undefined ? null : { hostname: name, port, authority }
}

/** The port the browser connects to: the Host's own, else the scheme's default. */
export function visiblePort(host: Host | null, scheme: Scheme): number {
  return host?.port ?? (scheme === 'https' ? 443 : 80)
}

/** True when the Host can only mean this machine itself: `localhost`, `*.localhost`, 127.0.0.0/8, ::1. */
export function isLoopbackHost(host: Host): boolean {
  return isLocalhost(host.hostname) || isLoopback(parseIp(host.hostname))
}

/**
 * Makes the check once, at start. It takes every value of the Host field (see `headerValues`), and accepts IP literals,
 * loopback names, the machine's names (also with `.local`) and `hosts`, with any port: behind a proxy the port is not ours.
 * Throws TypeError for an entry of `hosts` that is no bare name. Not for requests that came by the UNIX socket.
 */
export function createHostCheck(names: HostNames): (values: readonly string[]) => HostAnswer {
  const ours = ownNames(names)
  const accepted = new Map<string, HostAnswer>()
  return function checkHost(values) {
    const [value, second] = values
    if (value === undefined || value === '') return refuse('host_missing', 'the request names no host')
    // Two parties that each believe another one of the two is how a request is smuggled past a front door.
    if (second !== undefined) return refuse('host_duplicate', `the request names ${values.length} hosts`)
    const known = accepted.get(value)
    if (known !== undefined) return known
    const answer = judge(value, ours)
    if (answer.ok && accepted.size < MAX_ACCEPTED) accepted.set(value, answer)
    return answer
  }
}

function judge(value: string, ours: ReadonlySet<string>): HostAnswer {
  const host = parseHost(value)
  if (host === null) return refuse('host_malformed', `${quoteSeen(value)} is not a host`)
  // A rebinding attack needs a name that the attacker's DNS answers for; an IP literal cannot be one.
  if (parseIp(host.hostname) !== null || isLocalhost(host.hostname) || ours.has(host.hostname))
    return { ok: true, host }
  return refuse(
    'host_unknown',
    `${quoteSeen(host.hostname)} is not a name of this machine; if it is one, write hosts: [${host.hostname}]`,
  )
}

function ownNames({ hostname, fqdn, hosts }: HostNames): Set<string> {
  const names = new Set<string>()
  for (const own of [hostname, fqdn ?? '']) {
    const host = parseHost(own)
    if (host !== null && host.port === null) names.add(host.hostname)
  }
  const label = parseHost(hostname)?.hostname.split('.', 1)[0]
  if (label !== undefined) names.add(label).add(`${label}.local`)
  for (const entry of hosts) {
    const host = parseHost(isIPv6(entry) ? `[${entry}]` : entry)
    if (host === null || host.port !== null)
      throw new TypeError(`hosts: ${quoteSeen(entry)} is not a name without a port`)
    names.add(host.hostname)
  }
  return names
}

function isLocalhost(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost')
}

function refuse(reason: Extract<HostAnswer, { ok: false }>['reason'], detail: string): HostAnswer {
  return { ok: false, reason, detail }
}
