/** Connections of the HTTP client on which nothing is sent before it is known whose program took them. */
import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { CommandFault } from './fault.ts'
import { findListenerUid } from './listener-owner.ts'

type Callback = (fault: Error | null, stream?: Duplex) => void

/** Keeps one connection open; refuses, with a `CommandFault`, one whose other end `isTrusted` does not know. */
export class TrustedAgent extends Agent {
  readonly #isTrusted: (uid: number) => boolean

  constructor(isTrusted: (uid: number) => boolean) {
    super({ keepAlive: true, maxSockets: 1 })
    this.#isTrusted = isTrusted
  }

  override createConnection(options: { host?: string; port?: number | string }, done: Callback): undefined {
    const port = Number(options.port)
    const socket = connect({ host: options.host ?? '127.0.0.1', port, noDelay: true })
    socket.once('error', done)
    socket.once('connect', () => {
      socket.off('error', done)
      try {
        requireTrusted(socket, this.#isTrusted)
        done(null, socket)
      } catch (fault) {
        socket.destroy()
        done(fault instanceof Error ? fault : new Error(String(fault)))
      }
    })
  }
}

function requireTrusted(socket: Socket, isTrusted: (uid: number) => boolean): void {
  const uid = findListenerUid(socket, readTables())
  if (uid !== null && isTrusted(uid)) return
  const who = uid === null ? 'nobody knows whose program' : `a program of uid ${uid}`
  throw new CommandFault(
    'permission',
    `${who} listens on port ${socket.remotePort}: that is not postern, and nothing was sent to it`,
    'is the daemon running? systemctl status postern',
  )
}

/** The text of both tables, as they are now. */
export function readTables(): string {
  return ['tcp', 'tcp6'].map(readTable).join('\n')
}

function readTable(name: string): string {
  try {
    return readFileSync(`/proc/self/net/${name}`, 'latin1')
  } catch (fault) {
    // A machine without IPv6 has no such table.
    if (name === 'tcp6' && fault instanceof Error && 'code' in fault && fault.code === 'ENOENT') return ''
    throw fault
  }
}
