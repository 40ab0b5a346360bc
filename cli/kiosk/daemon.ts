/** What the kiosk asks of the daemon: how its session is, and the ticket of the next one. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import type { Agent } from 'node:http'
import { join } from 'node:path'
import { ClientError } from '../../server/client/error.ts'
import { createHttpClient } from '../../server/client/http.ts'
import type { Output } from '../../server/operations/table.ts'
import { openWay, type Place } from '../connection.ts'
import { CommandFault } from '../fault.ts'
import { findHttpPlace, findInstance, type HttpPlace } from '../instance.ts'
import { listListeningSockets } from '../listener-owner.ts'
import { readTables } from '../trusted-agent.ts'

/** How the daemon sees the kiosk. */
export type KioskStatus = Output<'kiosk.status'>

/** What came of asking: an answer, nobody who would give one, or silence. */
export type Knock =
  | { readonly kind: 'status'; readonly status: KioskStatus }
  | { readonly kind: 'refused' | 'silent'; readonly why: string }

/** What can be seen of the daemon without asking it. */
export interface Traces {
  /** The unspent ticket; null when there is none that this user may read. */
  readonly ticket: string | null
  /** A word for the run of the daemon that serves now: another after each restart. */
  readonly run: string
  /** The sockets that it listens with. While none of them was there, connections were refused; those of a service manager outlive it. */
  readonly sockets: readonly string[]
}

/** How long one question may take, in milliseconds. */
const timeoutMs = 3000

export class KioskDaemon {
  readonly #place: Place
  readonly #ticketFile: string
  #origin = ''
  #trustedUids: ReadonlySet<number> = new Set()
  #agent: Agent | null = null

  /** @param user the account whose ticket it is */
  constructor(place: Place, user: string) {
    this.#place = place
    this.#ticketFile = join(place.runtime, 'kiosk', user)
  }

  /** Asks how the kiosk is. Whatever is wrong with the daemon is an answer: a kiosk waits until it is mended. */
  async knock(): Promise<Knock> {
    try {
      return { kind: 'status', status: await this.#ask() }
    } catch (fault) {
      const isSilence = fault instanceof ClientError && (fault.code === 'timeout' || fault.code === 'interrupted')
      return { kind: isSilence ? 'silent' : 'refused', why: fault instanceof Error ? fault.message : String(fault) }
    }
  }

  /** After an answer. */
  look(): Traces {
    const stat = statSync(join(this.#place.runtime, 'instance.json'), { throwIfNoEntry: false, bigint: true })
    const run = stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs}`
    const { hostname, port } = new URL(this.#origin)
    const address = hostname.replace(/^\[|\]$/g, '')
    const sockets = listListeningSockets(address, Number(port || 80), this.#trustedUids, readTables())
    // Read after the run, which is known later than its ticket: never a former ticket with a new run.
    return { run, sockets, ticket: this.readTicket() }
  }

  /** The unspent ticket; null when there is none that this user may read. */
  readTicket(): string | null {
    try {
      return readOwnFile(this.#ticketFile).trim() || null
    } catch (fault) {
      if (isFileFault(fault)) return null
      throw fault
    }
  }

  /** The link that logs a browser in with `ticket` and leads it to the path `next`; only after an answer. */
  linkOf(ticket: string, next: string): string {
    return `${this.#origin}/login?token=${encodeURIComponent(ticket)}&next=${encodeURIComponent(next)}`
  }

  close(): void {
    this.#agent?.destroy()
    this.#agent = null
  }

  async #ask(): Promise<KioskStatus> {
    const http = findHttpPlace(findInstance(this.#place.runtime, this.#place.uid), this.#place.uid)
    const agent = await this.#agentOf(http)
    const answer = await createHttpClient({ origin: this.#origin, agent, timeoutMs })('kiosk.status', {})
    if (answer.ok) return answer.value
    if (answer.reason === 'not_found')
      throw new CommandFault('permission', 'this is not the account of kiosk.user in its configuration')
    throw new ClientError('timeout', `the daemon is not ready (${answer.reason})`)
  }

  /** One connection for all questions, until a restart of the daemon changes the place. */
  async #agentOf(http: HttpPlace): Promise<Agent> {
    if (http.origin === null)
      throw new CommandFault('unreachable', 'the daemon serves no loopback address, which a browser needs')
    this.#trustedUids = http.trustedUids
    if (this.#agent !== null && this.#origin === http.origin) return this.#agent
    this.close()
    this.#origin = http.origin
    this.#agent = (await openWay({ ...this.#place, remote: null })).agent
    return this.#agent
  }
}

/** Nobody but this user and root can have written the file: the keeper gives it to its reader. */
function readOwnFile(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!fstatSync(fd).isFile()) throw new CommandFault('permission', `${path} is not a file`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function isFileFault(fault: unknown): boolean {
  return fault instanceof Error && 'code' in fault && ['ENOENT', 'EACCES', 'ENOTDIR'].includes(String(fault.code))
}
