/** The keeper's own UNIX sockets: made so that only those meant can connect from their first instant. */
import { chmodSync, chownSync, lstatSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { isErrno, removeFile, requireOwnDirectory } from './file.ts'

/** Whether somebody answers at that socket. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

async function removeStale(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) throw new Error(`${path} is in the way: it is no socket`)
  } catch (fault) {
    if (isErrno(fault, 'ENOENT')) return
    throw fault
  }
  if (await isAnswered(path)) throw new Error(`another postern runs: ${path} is answered`)
  removeFile(path)
}

/**
 * Listens at `path` with that mode and group. A socket that a dead keeper left is replaced; a live one, and anything that
 * is no socket, is an error.
 */
export async function listenAt(
  path: string,
  access: { mode: number; gid: number | null },
  accept: (socket: Socket) => void,
): Promise<Server> {
  requireOwnDirectory(dirname(path))
  await removeStale(path)
  const server = createServer(accept)
  // bind(2) makes the file with the umask: nobody else may connect before its owner and mode are set.
  const umask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
  } finally {
    process.umask(umask)
  }
  if (access.gid !== null) chownSync(path, -1, access.gid)
  chmodSync(path, access.mode)
  return server
}
