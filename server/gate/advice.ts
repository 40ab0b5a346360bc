/** What to write into the configuration when a request was refused because of its Origin that should not have been. */
import type { Client } from './client-address.ts'
import { type HeaderFields, headerText } from './header.ts'
import { isForwarded } from './local.ts'

/** What the advice rests on. */
export interface ForeignQuestion {
  readonly headers: HeaderFields
  readonly client: Client
  /** The address at the other end of the connection. */
  readonly remoteAddress: string | undefined
}

/**
 * For an Origin that is not ours; null where the browser itself says that the page is another site's. A proxy that is not
 * trusted, or does not tell what it was asked, looks like one; so does anybody who sends such a request.
 */
export function adviseOrigin({ headers, client, remoteAddress }: ForeignQuestion): string | null {
  const site = headerText(headers, 'sec-fetch-site')
  if (site !== null && site !== 'same-origin') return null
  const origin = headerText(headers, 'origin')
  if (origin === null || !/^https?:/.test(origin)) return null
  if (!client.trustedProxy) {
    const peer = client.viaUnix ? 'unix' : (remoteAddress?.replace(/^::ffff:/, '') ?? 'ADDRESS')
    const seen = isForwarded(headers) ? `${peer} passed it on and is not trusted` : `it came from ${peer}`
    return `${seen}; if that is a proxy of yours, write trusted_proxies: [${peer}]`
  }
  const lacks = ['X-Forwarded-Proto', 'X-Forwarded-Host'].filter(name => headers[name.toLowerCase()] === undefined)
  return lacks.length === 0 ? null : `the proxy does not send ${lacks.join(' and ')}: see postern proxy-config`
}
