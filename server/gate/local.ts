/** Whether a request was made on this machine, by a person or root, with nothing in between: the one place that decides it. */
import type { HeaderFields } from './header.ts'
import { type Host, isLoopbackHost } from './host.ts'
import { isLoopback, parseIp } from './ip.ts'

/** Everything that the decision rests on. */
export interface LocalQuestion {
  readonly remoteAddress: string | undefined
  /** True on the HTTP UNIX socket: those who use it are proxies. */
  readonly viaUnix: boolean
  readonly headers: HeaderFields
  /** Null when the request had no readable Host. */
  readonly host: Host | null
  /** True when the peer is one of `trusted_proxies`. */
  readonly trustedProxy: boolean
  /** The peer's uid (`createPeerLookup`); null when it is not known. */
  readonly uid: number | null
  /** The kiosk account's uid; null without a kiosk. */
  readonly kioskUid: number | null
}

/**
 * True when every sign says that the request comes straight from somebody at this machine; any doubt is a no.
 * It buys login links and root's token. It is never a login by itself.
 */
export function isLocal(question: LocalQuestion): boolean {
  const { remoteAddress, viaUnix, headers, host, trustedProxy, uid, kioskUid } = question
  if (viaUnix) return false
  if (!isLoopback(parseIp(remoteAddress))) return false
  if (trustedProxy || isForwarded(headers)) return false
  // A rebound name resolves to loopback too: the page must have been asked for by a name that means this machine.
  if (host === null || !isLoopbackHost(host)) return false
  return uid !== null && (uid === 0 || uid === kioskUid || isPersonUid(uid))
}

/** True when the request says that it was passed on: `Forwarded`, `X-Forwarded-*`, `X-Real-IP` or `Via`, empty ones too. */
export function isForwarded(headers: HeaderFields): boolean {
  return Object.keys(headers).some(isForwardingField)
}

function isForwardingField(name: string): boolean {
  return name === 'forwarded' || name === 'via' || name === 'x-real-ip' || name.startsWith('x-forwarded')
}

/**
 * A system uid is no person: it may be a reverse proxy that adds no header. That goes for the two ranges above 1000 that
 * belong to services as well: systemd's DynamicUser= (a socket-proxyd, say), and 65534, which is `nobody` and also what the
 * kernel reports for a uid that it cannot map (a container on the host's network).
 */
function isPersonUid(uid: number): boolean {
  const isDynamicUser = uid >= 61184 && uid <= 65519
  return uid >= 1000 && !isDynamicUser && uid !== 65534
}
