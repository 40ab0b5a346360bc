/** The URLs by which other machines find this one. */
import { hostname } from 'node:os'
import type { Listener } from '../../config/schema.ts'
import { presentAddresses } from './names.ts'

function urlOf(host: string, port: number): string {
  return `https://${host.includes(':') ? `[${host}]` : host}${port === 443 ? '' : `:${port}`}/`
}

/** The addresses of a place, those of now where it is all of a family. */
function addressesOf(address: string): string[] {
  if (address === '*') return presentAddresses()
  if (address === '0.0.0.0') return presentAddresses().filter(one => !one.includes(':'))
  if (address === '::') return presentAddresses().filter(one => one.includes(':'))
  return [address]
}

/** A URL for each address at which HTTPS is served, and one by the host name; loopback is nobody's but this machine's. */
export function urlsOf(places: readonly Listener[]): string[] {
  const urls = places.flatMap(place => {
    if ('unix' in place || !place.tls) return []
    const outer = addressesOf(place.address).filter(address => address !== '::1' && !address.startsWith('127.'))
    // IPv4 first: it is what people can type.
    const sorted = outer.sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
    const [label = ''] = hostname().toLowerCase().split('.', 1)
    const isNamed = outer.length > 0 && /^[a-z0-9-]+$/.test(label) && label !== 'localhost'
    return [...sorted, ...(isNamed ? [`${label}.local`] : [])].map(host => urlOf(host, place.port))
  })
  return [...new Set(urls)]
}
