/** Which uid is at the other end of a TCP connection on this machine, read from /proc/net/tcp and tcp6 (proc(5)). */
import { open } from 'node:fs/promises'
import { parseIp } from './ip.ts'

/** Our end and the peer's end of a connection; a `net.Socket` is one. */
export interface Connection {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

/** The kernel's table of that name, in pieces that may end anywhere; breaking off the iteration closes the file. */
export type ReadTable = (table: 'tcp' | 'tcp6') => AsyncIterable<string>

/** Answers by connection; see `createPeerLookup`. */
export interface PeerLookup {
  /** The uid, or null when there is no row for it. Rejects when the tables cannot be read. */
  find(connection: Connection): Promise<number | null>
  /** What `find` has answered for this connection, without waiting; undefined when it was not asked yet. */
  known(connection: Connection): number | null | undefined
}

const MAX_ROWS = 65_536
const ESTABLISHED = '01'
const MAPPED_PREFIX = /0000000000000000FFFF0000(?=[0-9A-F]{8}:)/g

/**
 * Looks each connection up once, when it is first asked for, and remembers the answer as long as the object lives.
 * The kernel walks its whole hash table for one read (2 ms on a machine with 262,144 buckets, 23 ms with 8,000
 * connections), so nothing waits for it synchronously, and however many ask, one read at a time serves them all.
 */
export function createPeerLookup(readTable: ReadTable = readProcNet): PeerLookup {
  const answers = new WeakMap<Connection, number | null>()
  const findRow = createBatchedScan(readTable)
  return {
    known: connection => answers.get(connection),
    async find(connection) {
      const known = answers.get(connection)
      if (known !== undefined) return known
      const key = peerRowKey(connection)
      const uid = key === null ? null : await findRow(key)
      answers.set(connection, uid)
      return uid
    },
  }
}

/**
 * The uids of those peer rows among `keys` that are ESTABLISHED and have an inode: after a close the kernel shows the row
 * on with uid 0 and inode 0. Reading stops at the last key found, and at 65,536 rows a table: what was not seen is not there.
 */
export async function findPeerUids(keys: ReadonlySet<string>, readTable: ReadTable): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  // An IPv4 connection made by an IPv6 socket stands in tcp6, with mapped addresses.
  for (const table of [...keys].every(isIpv6Key) ? (['tcp6'] as const) : (['tcp', 'tcp6'] as const)) {
    let rows = 0
    for await (const line of splitLines(readTable(table))) {
      const row = parseRow(line)
      if (row !== null && keys.has(row.key)) found.set(row.key, row.uid)
      if (found.size === keys.size) return found
      if (++rows > MAX_ROWS) break
    }
  }
  return found
}

/** How the peer's own row names the connection: its end first, then ours. Null when the connection is no TCP one, or closed. */
export function peerRowKey(connection: Connection): string | null {
  const peer = endpointKey(connection.remoteAddress, connection.remotePort)
  const own = endpointKey(connection.localAddress, connection.localPort)
  return peer === null || own === null ? null : `${peer} ${own}`
}

function endpointKey(address: string | undefined, port: number | undefined): string | null {
  const ip = parseIp(address)
  if (ip === null || port === undefined) return null
  // The kernel prints each 32-bit word as a number, so on little-endian machines (all that postern knows) its bytes are reversed.
  const words = Array.from({ length: ip.bytes.length / 4 }, (_, at) => ip.bytes.slice(at * 4, at * 4 + 4).reverse())
  return `${words.flat().map(hexByte).join('')}:${hexByte(port >> 8)}${hexByte(port & 0xff)}`
}

function isIpv6Key(key: string): boolean {
  return key.indexOf(':') === 32
}

function hexByte(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}

function parseRow(line: string): { key: string; uid: number } | null {
  const [, peer, own, state, , , , uid, , inode] = line.trim().split(/ +/)
  if (peer === undefined || own === undefined || uid === undefined || inode === undefined) return null
  if (state !== ESTABLISHED || inode === '0') return null
  return { key: `${peer} ${own}`.replace(MAPPED_PREFIX, ''), uid: Number(uid) }
}

/** One scan runs at a time; who asks meanwhile shares the next one, since the running one may have passed their row. */
function createBatchedScan(readTable: ReadTable): (key: string) => Promise<number | null> {
  let running: Promise<unknown> = Promise.resolve()
  let next: { keys: Set<string>; found: Promise<Map<string, number>> } | null = null
  function queueScan() {
    const keys = new Set<string>()
    const found = running.then(() => {
      next = null
      return findPeerUids(keys, readTable)
    })
    running = found.catch(() => {})
    return { keys, found }
  }
  return async key => {
    next ??= queueScan()
    next.keys.add(key)
    return (await next.found).get(key) ?? null
  }
}

async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

async function* readProcNet(table: 'tcp' | 'tcp6'): AsyncGenerator<string> {
  // "self" is this process's network namespace: the one whose connections we hold.
  const file = await open(`/proc/self/net/${table}`)
  try {
    const buffer = Buffer.allocUnsafe(65_536)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) return
      yield buffer.toString('latin1', 0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
