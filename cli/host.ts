/** Which postern of another machine is meant: what `--host` and POSTERN_HOST may say, as scheme, host, port and path. */
import { isIPv6 } from 'node:net'
import { CommandFault } from './fault.ts'

/** The port on which postern serves other machines. */
const remotePort = 7643

/** An address that was read. */
export interface RemoteAddress {
  /** `https://box:7643`; `http:` for loopback alone. */
  readonly origin: string
  /** Below which path a reverse proxy has it: empty, or such as `/sub`. */
  readonly prefix: string
}

/**
 * Reads `box` (`https://box:7643`), `box:8443`, `[2001:db8::1]`, `https://box.example/sub/`, `http://127.0.0.1:8080`.
 * Throws a `CommandFault` for anything else, and for http:// to other machines: a password would be read on its way.
 */
export function parseRemote(text: string): RemoteAddress {
  const url = toUrl(text)
  const isPlain = url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (url === null || !isPlain || !/^https?:$/.test(url.protocol) || url.hostname === '')
    // What was typed may hold a password: it is not shown.
    throw new CommandFault('usage', '--host: expected an address such as https://box:7643 or box')
  if (url.protocol === 'http:' && !isLoopbackName(url.hostname))
    throw new CommandFault(
      'usage',
      `${url.origin}: http:// is for this machine alone, anybody on the way would read the password`,
      `use https://${url.host}`,
    )
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') }
}

function toUrl(text: string): URL | null {
  if (text.includes('://')) return URL.canParse(text) ? new URL(text) : null
  const [, authority = '', path = ''] = /^([^/?#]*)(\/.*)?$/.exec(text) ?? []
  const host = isIPv6(authority) ? `[${authority}]` : authority
  const hasPort = /:\d+$/.test(host) && !host.endsWith(']')
  const address = `https://${host}${hasPort ? '' : `:${remotePort}`}${path}`
  return host !== '' && URL.canParse(address) ? new URL(address) : null
}

function isLoopbackName(hostname: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(hostname)
}
