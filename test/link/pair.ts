/** Both ends of a real UNIX stream socket, and a peer that speaks frames by hand. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFrame, FrameReader } from '../../server/link/frame.ts'

export interface Pair {
  readonly keeper: Socket
  readonly gate: Socket
  /** Resolves when both ends are gone. */
  close(): Promise<void>
}

/** Connects two sockets within this process. */
export async function createPair(): Promise<Pair> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-link-'))
  const server = createServer().listen(join(directory, 'sock'))
  await once(server, 'listening')
  const gate = connect(join(directory, 'sock'))
  const [keeper] = (await once(server, 'connection')) as [Socket]
  server.close()
  rmSync(directory, { recursive: true })
  const close = async () => {
    for (const socket of [keeper, gate]) if (!socket.closed) await once(socket.destroy(), 'close')
  }
  return { keeper, gate, close }
}

export type Message = Readonly<Record<string, unknown>>

/** Speaks and hears frames on one end. */
export interface Peer {
  readonly heard: Message[]
  readonly closed: Promise<void>
  say(...messages: readonly unknown[]): void
  write(bytes: Uint8Array): void
  /** The next message that was not taken yet; rejects when the socket is gone first. */
  hear(): Promise<Message>
}

/** Puts a peer at a socket. */
export function createPeer(socket: Socket): Peer {
  const reader = new FrameReader()
  const heard: Message[] = []
  let taken = 0
  let wake: () => void = () => {}
  socket.on('data', chunk => {
    for (const message of reader.push(chunk)) heard.push(message as Message)
    wake()
  })
  socket.on('error', () => socket.destroy())
  const closed = once(socket, 'close').then(() => wake())
  return {
    heard,
    closed,
    say: (...messages) => void socket.write(Buffer.concat(messages.map(encodeFrame))),
    write: bytes => void socket.write(bytes),
    async hear() {
      while (heard.length <= taken) {
        if (socket.destroyed) throw new Error('the other end is gone')
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      taken += 1
      return heard[taken - 1] ?? {}
    },
  }
}
