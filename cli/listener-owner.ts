/**
 * Whose program took a connection on this machine, from /proc/net/tcp and tcp6 (proc(5)). Any user may listen on a port that
 * is free while postern is down, and would be told the passwords of whoever logs in.
 */
import { isIPv4 } from 'node:net'

/** Our end and the other end of a connection; a `net.Socket` is one. */
export interface Connection {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

interface Row {
  readonly local: string
  readonly remote: string
  readonly state: string
  readonly uid: number
  readonly inode: string
}

const ESTABLISHED = '01'
const LISTEN = '0A'
const mappedPrefix = '0000000000000000FFFF0000'

/**
 * The uid of the program at the other end of `connection`, or null when the tables do not tell. `tables` is the text of both,
 * read after the connection was made. A connection that waits to be accepted has no owner yet (its row says uid 0, inode 0):
 * it belongs to whose listening socket it waits at, since it would have been cut if that had been closed.
 */
export function findListenerUid(connection: Connection, tables: string): number | null {
  const own = endpoint(connection.localAddress, connection.localPort)
  const other = endpoint(connection.remoteAddress, connection.remotePort)
  if (own === null || other === null) return null
  const rows = tables.split('\n').flatMap(parseRow)
  const accepted = rows.find(row => row.state === ESTABLISHED && row.local === other && row.remote === own)
  if (accepted === undefined) return null
  if (accepted.inode !== '0') return accepted.uid
  return findListeningUid(rows, other)
}

/** The sockets (their inodes) of those uids that listen at that address and port. A socket that is closed never comes back. */
export function listListeningSockets(
  address: string,
  port: number,
  uids: ReadonlySet<number>,
  tables: string,
): readonly string[] {
  const at = endpoint(address, port)
  const rows = at === null ? [] : findListening(tables.split('\n').flatMap(parseRow), at)
  return rows.filter(row => uids.has(row.uid)).map(row => row.inode)
}

/** The one uid that listens at the endpoint, or at all addresses with its port; null for none and for several. */
function findListeningUid(rows: readonly Row[], at: string): number | null {
  const uids = new Set(findListening(rows, at).map(row => row.uid))
  const [uid] = uids
  return uids.size === 1 && uid !== undefined ? uid : null
}

function findListening(rows: readonly Row[], at: string): readonly Row[] {
  const [, port = ''] = at.split(':')
  const listening = rows.filter(row => row.state === LISTEN)
  const exact = listening.filter(row => row.local === at)
  return exact.length > 0 ? exact : listening.filter(row => new RegExp(`^0+:${port}$`).test(row.local))
}

/** As the kernel prints it: each 32-bit word as a number, so on little-endian machines with its bytes reversed. */
function endpoint(address: string | undefined, port: number | undefined): string | null {
  if (address === undefined || port === undefined) return null
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  if (address === '::1') return `${'0'.repeat(24)}01000000:${hexPort}`
  if (!isIPv4(address)) return null
  const bytes = address.split('.').reverse()
  return `${bytes.map(byte => Number(byte).toString(16).toUpperCase().padStart(2, '0')).join('')}:${hexPort}`
}

function parseRow(line: string): Row[] {
  const [, local, remote, state, , , , uid, , inode] = line.trim().split(/ +/)
  if (!local || !remote || !state || !inode || !/^\d+$/.test(uid ?? '')) return []
  return [{ local: unmapped(local), remote: unmapped(remote), state, uid: Number(uid), inode }]
}

/** An IPv4 connection that an IPv6 socket took stands in tcp6 with mapped addresses. */
function unmapped(place: string): string {
  return place.startsWith(mappedPrefix) ? place.slice(mappedPrefix.length) : place
}
