/** How a handshake is refused: by an HTTP answer instead of the upgrade (RFC 6455 §4.2.2). */
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Refusal } from '../../operations/operation.ts'
import { reasons } from '../../operations/reason.ts'
import { problem } from '../problem.ts'
import { problemHeaders } from '../security-headers.ts'

/** Answers and closes. */
export function refuseUpgrade(socket: Duplex, { reason, detail, more }: Refusal): void {
  const { status, title } = reasons[reason]
  const body = JSON.stringify(problem(reason, status, title, detail, more))
  const fields = {
    ...problemHeaders,
    // The address may hold a ticket.
    'Referrer-Policy': 'no-referrer',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...(status === 503 && { 'Retry-After': '1' }),
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
}
