/** What a certificate must name: this machine's names and its present addresses. */
import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { canonicalAddress } from '../../config/listener.ts'
import { findFqdn } from '../gates/settings.ts'

/** Names and IP addresses, each in its canonical spelling. */
export interface Subject {
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

/** As many addresses as a certificate names: a machine full of containers has thousands. */
const maxAddresses = 64

const loopback = ['127.0.0.1', '::1']

/** IPv6 addresses that come and go by themselves: temporary, deprecated, not yet or never usable (IFA_F_* of if_addr.h). */
function fleetingAddresses(): Set<string> {
  try {
    const rows = readFileSync('/proc/net/if_inet6', 'utf8').split('\n')
    const columns = rows.map(row => row.trim().split(/\s+/))
    const fleeting = columns.filter(([, , , , flags = '0']) => (Number.parseInt(flags, 16) & 0x69) !== 0)
    return new Set(fleeting.flatMap(([hex = '']) => canonicalAddress(hex.match(/.{4}/g)?.join(':') ?? '') ?? []))
  } catch {
    // A kernel without IPv6.
    return new Set()
  }
}

/** The addresses by which other machines may find this one: none of loopback, link-local or fleeting ones. */
export function presentAddresses(): string[] {
  const fleeting = fleetingAddresses()
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  const outer = all.filter(({ internal, address }) => !internal && !/^(fe[89ab]|169\.254\.)/i.test(address))
  const texts = outer.map(({ address }) => canonicalAddress(address)).filter(address => address !== null)
  return [...new Set(texts)]
    .filter(address => !fleeting.has(address))
    .sort()
    .slice(0, maxAddresses)
}

/** What the names of a certificate may be made of (RFC 5280 §4.2.1.6). */
function isDnsName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*$/.test(name)
}

/** The subject of now; `hosts` are the configuration's further names. */
export function presentSubject(hosts: readonly string[]): Subject {
  const host = hostname().toLowerCase()
  const [label = ''] = host.split('.', 1)
  const names = ['localhost', host, label, `${label}.local`, findFqdn(host)?.toLowerCase() ?? '']
  const own = hosts.map(entry => entry.toLowerCase())
  const literals = own.map(canonicalAddress).filter(address => address !== null)
  return {
    names: [...new Set([...names, ...own])].filter(name => canonicalAddress(name) === null && isDnsName(name)),
    addresses: [...new Set([...loopback, ...presentAddresses(), ...literals])],
  }
}

/** Whether a certificate for `held` serves everything that `wanted` names; what it names beside that does no harm. */
export function covers(held: Subject, wanted: Subject): boolean {
  return (
    wanted.names.every(name => held.names.includes(name)) &&
    wanted.addresses.every(address => held.addresses.includes(address))
  )
}
