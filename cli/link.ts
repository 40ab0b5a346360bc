/** The typed client over root.sock: for root, and for who runs a private instance. No network, no gate. */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { LinkClient } from '../server/link/client.ts'
import { FrameError } from '../server/link/frame.ts'
import type { Answer, Call, Name, Request } from '../server/operations/table.ts'
import { CommandFault } from './fault.ts'
import { type Instance, readInstanceFile } from './instance.ts'

/** The keeper puts its own in place of it: whoever can open root.sock is root. */
const from = { source: 'root', local: true, uid: 0, secure: false, agent: 'postern' }

/** A connected client. */
export interface LinkCall {
  readonly call: Call
  close(): void
}

/** Token of the token file; null when there is none. Throws a `CommandFault` when somebody else could have written it. */
export function readTokenFile(instance: Instance): string | null {
  const token = readInstanceFile(instance, 'token')?.trim()
  return token || null
}

/**
 * Connects to the keeper and presents the token file's token. It is renewed now and then, so on a no that is about the token
 * the file is read again, once. Throws a `CommandFault` when nobody listens there; calls answer `unavailable` when the link
 * is lost or `timeoutMs` is over.
 */
export async function openLink(instance: Instance, timeoutMs: number): Promise<LinkCall> {
  const client = new LinkClient(await connectTo(join(instance.runtime, 'root.sock')))
  let token = readTokenFile(instance)
  const ask = async <N extends Name>(name: N, input: Request<N>) => {
    const timer = setTimeout(() => client.close(), timeoutMs)
    try {
      return (await client.request(name, input, token, from)) as Answer<N>
    } catch (fault) {
      throw fault instanceof FrameError ? new CommandFault('usage', `too much was sent: a ${fault.message}`) : fault
    } finally {
      clearTimeout(timer)
    }
  }
  const call = async <N extends Name>(name: N, input: Request<N>): Promise<Answer<N>> => {
    const answer = await ask(name, input)
    if (answer.ok || answer.reason !== 'unauthenticated') return answer
    token = readTokenFile(instance)
    const second = await ask(name, input)
    if (second.ok || second.reason !== 'unauthenticated') return second
    throw new CommandFault(
      'unreachable',
      `the daemon does not take the token of ${join(instance.runtime, 'token')}`,
      'a restart of the daemon makes a new one: systemctl restart postern',
    )
  }
  return { call, close: () => client.close() }
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.off('error', fail)
      resolve(socket)
    })
    const fail = (fault: NodeJS.ErrnoException) => reject(describeConnectFault(fault, path))
    socket.once('error', fail)
  })
}

function describeConnectFault(fault: NodeJS.ErrnoException, path: string): CommandFault {
  if (fault.code === 'EACCES') return new CommandFault('permission', `${path} is not yours to open`)
  return new CommandFault(
    'unreachable',
    `the daemon does not answer at ${path} (${fault.code ?? fault.message})`,
    'is it running? systemctl status postern; a private instance is found with --runtime DIR',
  )
}
