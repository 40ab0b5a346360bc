/** Connections that the kernel counts as another user's; needs root. */
import { connect, type Socket } from 'node:net'
import { setImmediate as settled } from 'node:timers/promises'

let turn: Promise<unknown> = Promise.resolve()

/** Begins a TCP connection that belongs to `uid`: a socket is its maker's for as long as it lives. */
export function connectAs(uid: number, port: number, host: string): Promise<Socket> {
  const mine = turn.then(() => open(uid, port, host))
  turn = mine.catch(() => {})
  return mine
}

async function open(uid: number, port: number, host: string): Promise<Socket> {
  process.seteuid?.(uid)
  try {
    const socket = connect(port, host)
    // Node.js makes the socket in the next tick.
    await settled()
    return socket
  } finally {
    process.seteuid?.(0)
  }
}
