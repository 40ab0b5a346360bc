/** The way to the daemon: root.sock for root and for who runs a private instance, HTTP on this machine for everybody else. */
import type { Call } from '../server/operations/table.ts'
import { findHttpPlace, findInstance, type HttpPlace, type Instance } from './instance.ts'
import { createStoredCall, type StoredCall } from './stored-call.ts'
import { StoredLogins, stateDirectory } from './stored-logins.ts'

/** What the choice depends on. */
export interface Place {
  readonly runtime: string
  readonly uid: number
  readonly env: NodeJS.ProcessEnv
  /** HTTP and the stored login even for those who may use root.sock. */
  readonly http: boolean
}

/** A way that is open. */
export interface Connection {
  readonly call: Call
  close(): void
}

/** HTTP, with the login that is stored for it. */
export interface HttpConnection extends Connection, Omit<StoredCall, 'call'> {
  readonly origin: string
  readonly logins: StoredLogins
}

/** How long one exchange may take: a login's waits for PAM and for a person's phone. */
const timeoutMs = 150_000

/** Whether commands go over root.sock. */
export function usesLink(instance: Instance, { uid, http }: Place): boolean {
  return !http && (uid === 0 || uid === instance.owner)
}

/** Opens the way that is right for who runs the command. Throws a `CommandFault` when there is none. */
export async function connect(place: Place): Promise<Connection> {
  const instance = findInstance(place.runtime, place.uid)
  if (!usesLink(instance, place)) return connectHttp(place)
  const { openLink } = await import('./link.ts')
  return openLink(instance, timeoutMs)
}

/** HTTP and the stored login, whoever runs the command. */
export async function connectHttp(place: Place): Promise<HttpConnection> {
  const http = findHttpPlace(findInstance(place.runtime, place.uid), place.uid)
  const { createHttpClient } = await import('../server/client/http.ts')
  const { target, agent } = await openTarget(http)
  const origin = target.origin ?? `unix:${target.socketPath}`
  const logins = new StoredLogins(stateDirectory(place.env), place.uid)
  const stored = createStoredCall(
    token => createHttpClient({ ...target, agent, token, timeoutMs }),
    logins,
    origin,
    () => Date.now(),
  )
  return { ...stored, origin, logins, close: () => agent.destroy() }
}

/** A loopback address if there is one: requests over the UNIX socket count as a proxy's, and are not local. */
export async function openTarget({ origin, socketPath, trustedUids }: HttpPlace) {
  const { TrustedAgent } = await import('./trusted-agent.ts')
  if (origin !== null) return { target: { origin }, agent: new TrustedAgent(trustedUids) }
  const { Agent } = await import('node:http')
  // Nobody else can put a socket into the gate's directory.
  return { target: { socketPath: socketPath ?? '' }, agent: new Agent({ keepAlive: true, maxSockets: 1 }) }
}
