/** Which postern a command talks to: its runtime directory, whom that belongs to, and where HTTP is served. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CommandFault } from './fault.ts'

/** The system's instance. */
export const systemRuntime = '/run/postern'

/** An instance whose directory is root's or one's own. */
export interface Instance {
  readonly runtime: string
  /** uid that the directory belongs to: who runs the keeper. */
  readonly owner: number
}

/** Where an instance serves HTTP to this machine. */
export interface HttpPlace {
  readonly origin: string | null
  readonly socketPath: string | null
  /** uids whose sockets may answer there: a password must not go to somebody else's program that took the port first. */
  readonly trustedUids: ReadonlySet<number>
}

/** The runtime directory: of the option, else of POSTERN_RUNTIME, else the system's. */
export function runtimeDirectory(option: string | undefined, env: NodeJS.ProcessEnv): string {
  return resolve(option || env.POSTERN_RUNTIME || systemRuntime)
}

function statDirectory(path: string): { uid: number; mode: number } | null {
  try {
    const stat = lstatSync(path)
    return stat.isDirectory() ? stat : null
  } catch (fault) {
    if (fault instanceof Error && 'code' in fault && (fault.code === 'ENOENT' || fault.code === 'ENOTDIR')) return null
    throw fault
  }
}

/**
 * The instance of that directory. Throws a `CommandFault` when there is none, and when somebody else than root or `uid`
 * could have made it: a password is never told to another user's program.
 */
export function findInstance(runtime: string, uid: number): Instance {
  const stat = statDirectory(runtime)
  if (stat === null)
    throw new CommandFault(
      'unreachable',
      `no postern runs here: there is no directory ${runtime}`,
      'start it with: systemctl start postern; a private instance is found with --runtime DIR',
    )
  if (stat.uid !== 0 && stat.uid !== uid)
    throw new CommandFault('permission', `${runtime} belongs to uid ${stat.uid}, expected root or yourself`)
  if ((stat.mode & 0o022) !== 0)
    throw new CommandFault('permission', `${runtime} can be written by others, expected mode 0755`)
  return { runtime, owner: stat.uid }
}

/** Text of a file in the runtime directory that its owner wrote; null if there is none. */
export function readInstanceFile({ runtime, owner }: Instance, name: string): string | null {
  const path = join(runtime, name)
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (fault) {
    if (fault instanceof Error && 'code' in fault && fault.code === 'ENOENT') return null
    throw fault
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.uid !== owner || (stat.mode & 0o022) !== 0)
      throw new CommandFault('permission', `${path} is not a file that the owner of its directory alone can write`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/** Where the instance serves HTTP. Throws a `CommandFault` when it does not say, or serves nothing that is local. */
export function findHttpPlace(instance: Instance, uid: number): HttpPlace {
  const text = readInstanceFile(instance, 'instance.json')
  if (text === null)
    throw new CommandFault(
      'unreachable',
      `the daemon is not ready: there is no ${join(instance.runtime, 'instance.json')}`,
    )
  const { http, gateUid } = parseInstance(text, instance)
  const sockets = http.flatMap(place => (place.startsWith('unix:/') ? [place.slice('unix:'.length)] : []))
  const directoryUids = sockets.flatMap(path => statDirectory(dirname(path))?.uid ?? [])
  const origin = http.find(isLoopbackOrigin) ?? null
  const [socketPath = null] = sockets
  if (origin === null && socketPath === null)
    throw new CommandFault(
      'unreachable',
      'the daemon serves no HTTP to this machine',
      'add a loopback listener: listen',
    )
  return { origin, socketPath, trustedUids: new Set([0, uid, instance.owner, ...directoryUids, ...gateUid]) }
}

function parseInstance(text: string, { runtime }: Instance): { http: string[]; gateUid: number[] } {
  try {
    const { http, gate_uid: gateUid } = JSON.parse(text) as Record<string, unknown>
    if (Array.isArray(http) && http.every(place => typeof place === 'string'))
      return { http, gateUid: typeof gateUid === 'number' ? [gateUid] : [] }
  } catch {
    // said below
  }
  throw new CommandFault('fault', `${join(runtime, 'instance.json')} is not what postern writes`)
}

/** Plain HTTP stays on this machine. */
function isLoopbackOrigin(place: string): boolean {
  const url = URL.canParse(place) ? new URL(place) : null
  return url?.protocol === 'http:' && url.origin === place && /^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
}
