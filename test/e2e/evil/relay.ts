/** Links to a keeper from processes of another user: what an owned gate could open, one process a link. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Relay {
  /** A connection to the keeper that a new process made; it ends when that process is killed. */
  connect(): Promise<Socket>
  remove(): Promise<void>
}

/** Starts a relay to `socket` as that user, without further groups. */
export async function startRelay(socket: string, { uid, gid }: { uid: number; gid: number }): Promise<Relay> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-relay-'))
  chownSync(directory, uid, gid)
  const listen = join(directory, 'relay.sock')
  const child = spawn('perl', [join(import.meta.dirname, 'relay.pl'), listen, socket], {
    uid,
    gid,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), ended])
  return {
    async connect() {
      const socket = connect(listen)
      await once(socket, 'connect')
      return socket
    },
    async remove() {
      child.stdin.end()
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
