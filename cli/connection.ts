/** The way to the daemon: root.sock for root and for who runs a private instance, HTTP for everybody else and to other machines. */
import type { Agent } from 'node:http'
import type { HttpClientOptions } from '../server/client/http.ts'
import type { Call } from '../server/operations/table.ts'
import { findHttpPlace, findInstance, type Instance } from './instance.ts'
import { KnownHosts } from './known-hosts.ts'
import { stateDirectory } from './private-file.ts'
import { loginKey, meet, type Remote, requireKnown, type Witness } from './remote-key.ts'
import { createStoredCall, type StoredCall } from './stored-call.ts'
import { StoredLogins } from './stored-logins.ts'

/** What the choice depends on. */
export interface Place {
  readonly runtime: string
  readonly uid: number
  readonly env: NodeJS.ProcessEnv
  /** HTTP and the stored login even for those who may use root.sock. */
  readonly http: boolean
  /** Another machine's postern, or one behind a proxy; null for the instance of `runtime`. */
  readonly remote: Remote | null
}

/** A way that is open. */
export interface Connection {
  readonly call: Call
  close(): void
}

/** HTTP, with the login that is stored for it. */
export interface HttpConnection extends Connection, Omit<StoredCall, 'call'> {
  /** What the login is stored under. */
  readonly origin: string
  readonly logins: StoredLogins
  /** Before a login: makes sure of another machine's key, and shows or asks. Throws a `CommandFault` when it is not known. */
  meet(witness: Witness): Promise<void>
}

/** Where HTTP goes, and what holds the connections. */
interface Way {
  readonly target: Pick<HttpClientOptions, 'prefix'> & ({ readonly origin: string } | { readonly socketPath: string })
  readonly agent: Agent
  readonly key: string
}

/** How long one exchange may take: a login's waits for PAM and for a person's phone. */
const timeoutMs = 150_000

/** The instance whose root.sock commands use; null when they go over HTTP. Root's token never leaves the machine. */
export function findLinkInstance({ runtime, uid, http, remote }: Place): Instance | null {
  if (remote !== null) return null
  const instance = findInstance(runtime, uid)
  return !http && (uid === 0 || uid === instance.owner) ? instance : null
}

/** Opens the way that is right for who runs the command. Throws a `CommandFault` when there is none. */
export async function connect(place: Place): Promise<Connection> {
  const instance = findLinkInstance(place)
  if (instance === null) return connectHttp(place)
  const { openLink } = await import('./link.ts')
  return openLink(instance, timeoutMs)
}

/** HTTP and the stored login, whoever runs the command. */
export async function connectHttp(place: Place): Promise<HttpConnection> {
  const { createHttpClient } = await import('../server/client/http.ts')
  const { target, agent, key } = await openWay(place)
  const logins = new StoredLogins(stateDirectory(place.env), place.uid)
  const stored = createStoredCall(
    token => createHttpClient({ ...target, agent, token, timeoutMs }),
    logins,
    key,
    () => Date.now(),
  )
  return { ...stored, origin: key, logins, meet: witness => meetAt(place, witness), close: () => agent.destroy() }
}

/** HTTP to another machine, or within this one; nothing is sent yet. */
export async function openWay(place: Place): Promise<Way> {
  return place.remote === null ? openLocal(place) : openRemote(place, place.remote)
}

/** A loopback address if there is one: requests over the UNIX socket count as a proxy's, and are not local. */
async function openLocal({ runtime, uid }: Place): Promise<Way> {
  const { origin, socketPath, trustedUids } = findHttpPlace(findInstance(runtime, uid), uid)
  const { TrustedAgent } = await import('./trusted-agent.ts')
  if (origin !== null)
    return { target: { origin }, agent: new TrustedAgent(other => trustedUids.has(other)), key: origin }
  const { Agent } = await import('node:http')
  const target = { socketPath: socketPath ?? '' }
  // Nobody else can put a socket into the gate's directory.
  return { target, agent: new Agent({ keepAlive: true, maxSockets: 1 }), key: `unix:${target.socketPath}` }
}

async function openRemote({ uid, env }: Place, remote: Remote): Promise<Way> {
  const { origin, prefix } = remote
  const way = { target: { origin, prefix }, key: loginKey(remote) }
  if (origin.startsWith('http:')) {
    const { TrustedAgent } = await import('./trusted-agent.ts')
    // A proxy of this machine runs as root or as a system account, a tunnel as oneself; other people's programs do not count.
    return { ...way, agent: new TrustedAgent(other => other < 1000 || other === uid) }
  }
  const { RemoteAgent } = await import('./remote-agent.ts')
  const hosts = new KnownHosts(stateDirectory(env), uid)
  return { ...way, agent: new RemoteAgent(presented => requireKnown(remote, hosts.find(origin), presented)) }
}

async function meetAt({ uid, env, remote }: Place, witness: Witness): Promise<void> {
  if (remote === null || remote.origin.startsWith('http:')) return
  const { fetchPresented } = await import('./remote-agent.ts')
  const { hostname, port } = new URL(remote.origin)
  const presented = await fetchPresented(hostname.replace(/^\[|\]$/g, ''), Number(port || 443))
  await meet(remote, new KnownHosts(stateDirectory(env), uid), presented, witness)
}
