/** Who listens at a port of this machine, from /proc/net/tcp and tcp6 (proc(5)). */
import { existsSync, readFileSync } from 'node:fs'

const tables = ['/proc/self/net/tcp', '/proc/self/net/tcp6']
const LISTEN = '0A'

/** The uid of a process that listens at the TCP port, whatever the address; null when there is none. */
export function findListenerUid(port: number): number | null {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = tables.filter(table => existsSync(table)).flatMap(table => readFileSync(table, 'utf8').split('\n'))
  const rows = lines.map(line => line.trim().split(/ +/))
  const row = rows.find(([, local, , state]) => state === LISTEN && local?.endsWith(end))
  return row === undefined ? null : Number(row[7])
}
