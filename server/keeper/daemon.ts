/** The daemon: sockets, gates and keeper, from start to stop. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { faultAt } from '../config/fault.ts'
import { listenersOf, privilegedPortFaults } from '../config/listener.ts'
import type { Loaded } from '../config/load.ts'
import type { Log } from '../link/log.ts'
import { LinkServer } from '../link/server.ts'
import { findOperation } from '../operations/table.ts'
import { version } from '../operations/version.ts'
import { type Clock, createSystemClock } from './clock.ts'
import { requireServed } from './config/available.ts'
import { type Configuration, ConfigurationError } from './config/configuration.ts'
import { makeDirectoryFor, makeOwnDirectory, removeFile, writeSecretFile } from './file.ts'
import { Gates } from './gates/gates.ts'
import { GateProcesses, spawnGate } from './gates/process.ts'
import { describeForGates } from './gates/settings.ts'
import { printHints } from './hints.ts'
import { Issue } from './issue/issue.ts'
import { type Keeper, startKeeper } from './keeper.ts'
import { type Account, findAccount, findAccountOf, peerCredentials } from './libc.ts'
import { openSigningKeys } from './parts.ts'
import type { ServiceManager } from './service-manager.ts'
import type { SigningKeys } from './signing/keys.ts'
import { listenAt } from './socket.ts'
import { presentSubject } from './tls/names.ts'
import { Tls } from './tls/tls.ts'
import { urlsOf } from './tls/url.ts'

/** How long a service manager's gate may take before the keeper says that it is ready without one, in milliseconds. */
const gateWaitMs = 2000
/** How long a stop waits for a start that is under way, in milliseconds. */
const startWaitMs = 5000

/** The gate's user: its uid and gid, or null when the gate runs as who started it. */
async function findGateUser({ config }: Loaded, uid: number): Promise<{ uid: number; gid: number } | null> {
  if (uid !== 0) return null
  const account = await findAccount(config.gate.user)
  if (account === null) throw new Error(`there is no user ${config.gate.user}, for the gate to run as`)
  return { uid: account.uid, gid: account.gid }
}

/** Without a service manager that passes sockets, the gate opens them itself, and it may not open a low port. */
function requireOrdinaryPorts(loaded: Loaded): void {
  const faults = privilegedPortFaults(loaded, [])
  if (faults.length > 0) throw new ConfigurationError(faults)
}

export interface DaemonOptions {
  /** The gates are started by the service manager. */
  readonly keeperOnly: boolean
  readonly configuration: Configuration
  readonly log: Log
  /** Takes audit lines that the trail cannot take. */
  readonly journal: (line: string) => void
  /** The directory of the built programs. */
  readonly programs: string
  readonly manager: ServiceManager
  /** A gate that was spawned ahead and waits for its order. */
  readonly firstGate: ChildProcess | null
}

/** Everything that runs, from its sockets to its gates. */
export class Daemon {
  readonly #options: DaemonOptions
  readonly #configuration: Configuration
  readonly #log: Log
  readonly #manager: ServiceManager
  readonly #clock: Clock = createSystemClock()
  readonly #closing: (() => unknown)[] = []
  readonly #keeper = Promise.withResolvers<Keeper>()
  readonly #keys = Promise.withResolvers<SigningKeys>()
  readonly #gateEnded = Promise.withResolvers<'ended'>()
  readonly #tls: Tls
  readonly #issue: Issue
  #gateUid = 0
  #gates: Gates | null = null
  #processes: GateProcesses | null = null
  #starting: Promise<void> = Promise.resolve()
  #reloading: Promise<unknown> = Promise.resolve()
  #stopping: Promise<void> | null = null

  constructor(options: DaemonOptions) {
    this.#options = options
    this.#configuration = options.configuration
    this.#log = options.log
    this.#manager = options.manager
    this.#tls = this.#createTls()
    this.#issue = this.#createIssue()
  }

  /** Resolves when everything runs, or when it was told to stop meanwhile. */
  start(env: NodeJS.ProcessEnv): Promise<void> {
    const started = this.#start(env)
    this.#starting = started.catch(() => {})
    return started
  }

  async #start(env: NodeJS.ProcessEnv): Promise<void> {
    const { config, loaded } = this.#configuration
    const uid = process.getuid?.() ?? 0
    if (uid !== 0)
      this.#log('warn', `runs as uid ${uid}: keeper and gate share it, so there is no boundary between them`)
    this.#warnOfInsecure()
    if (!this.#options.keeperOnly) requireOrdinaryPorts(loaded)
    const gateUser = await findGateUser(loaded, uid)
    const owner = await findAccountOf(uid)
    if (owner === null) throw new Error(`uid ${uid} has no account`)
    makeOwnDirectory(config.paths.runtime, 0o755)
    makeDirectoryFor(config.paths.gate_runtime, gateUser, 0o755)
    makeDirectoryFor(config.paths.gate_state, gateUser, 0o700)
    const gates = this.#createGates(gateUser?.uid ?? uid)
    await this.#listen(gates, gateUser?.gid ?? null, uid)
    // The gates load while the store and the keys are opened.
    if (!this.#options.keeperOnly && this.#stopping === null) this.#startGates(gateUser)
    await this.#open(gates, owner)
    this.#gateUid = gateUser?.uid ?? uid
    this.#describeInstance()
    this.#closing.push(() => removeFile(this.#instanceFile))
    await this.#awaitGates(gates)
    if (this.#stopping === null) await this.#announce(env)
  }

  /** Reads the configuration again, one call after the other. Throws when it is refused: then nothing has changed. */
  reload(): Promise<{ restartNeeded: string[] }> {
    const mine = this.#reloading.then(() => this.#reload())
    this.#reloading = mine.catch(() => {})
    return mine
  }

  async #reload(): Promise<{ restartNeeded: string[] }> {
    this.#manager.reloading()
    let note = 'the last reload was refused, the former configuration is in force'
    try {
      const outcome = await this.#configuration.reload(requireServed, () => this.#adoptTls())
      this.#warnOfInsecure()
      for (const key of outcome.restartNeeded) this.#log('warn', `${key} has changed: it waits for a restart`)
      await this.#gates?.tellSettings()
      // Who may do what is looked up in the configuration: nothing that was remembered counts any more.
      await this.#gates?.forget('everything')
      await this.#publish()
      this.#log('info', 'the configuration was read again')
      note = 'the configuration was read again'
      void this.#keeper.promise.then(keeper => keeper.reloaded(outcome))
      return outcome
    } catch (fault) {
      void this.#keeper.promise.then(keeper => keeper.reloaded(null))
      throw fault
    } finally {
      this.#manager.reloaded(note)
    }
  }

  /** The certificate that the configuration asks for now. */
  async #adoptTls(): Promise<void> {
    try {
      await this.#tls.open()
    } catch (fault) {
      const message = fault instanceof Error ? fault.message : String(fault)
      throw new ConfigurationError([faultAt(this.#configuration.loaded.originOf(['tls']), ['tls'], message)])
    }
  }

  /** What others read of this instance. What cannot be written is said, and the configuration is in force all the same. */
  async #publish(): Promise<void> {
    for (const write of [() => this.#describeInstance(), () => this.#issue.tick()]) {
      try {
        await write()
      } catch (fault) {
        this.#log('error', fault instanceof Error ? fault.message : String(fault))
      }
    }
  }

  #warnOfInsecure(): void {
    for (const name of this.#configuration.loaded.insecure) this.#log('warn', `${name} is on: it weakens safety`)
  }

  /** Ends everything; a start under way first comes to its end, or what it makes would stay: root's token among it. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#manager.stopping()
    // The terminal may have ended the gates already: none is started again, or waited for.
    const gatesEnded = this.#processes?.stop()
    this.#gateEnded.resolve('ended')
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, startWaitMs)
    await Promise.race([Promise.all([this.#starting, gatesEnded]), late])
    clearTimeout(timer)
    for (const close of this.#closing.splice(0).reverse()) {
      try {
        await close()
      } catch (fault) {
        // The rest is stopped all the same: root's token among it.
        this.#log('error', fault instanceof Error ? fault.message : String(fault))
      }
    }
  }

  /** Whoever started us may ask at once. The service manager's gates are waited for only so long: their fault is not ours. */
  async #awaitGates(gates: Gates): Promise<void> {
    if (!this.#options.keeperOnly) {
      const serving = gates.whenServing(this.#configuration.config.gate.workers).then(() => 'serving')
      // Else a port that another holds would be tried for ever, and nobody told that there is no start.
      if ((await Promise.race([serving, this.#gateEnded.promise])) === 'ended' && this.#stopping === null)
        throw new Error('a gate could not serve: what it said is above')
      return
    }
    const { promise: late, resolve } = Promise.withResolvers<'late'>()
    const timer = setTimeout(resolve, gateWaitMs, 'late')
    if ((await Promise.race([gates.whenServing(1), this.#gateEnded.promise, late])) === 'late')
      this.#log('warn', 'no gate is there yet')
    clearTimeout(timer)
  }

  #createGates(uid: number): Gates {
    this.#gates = new Gates({
      uid,
      version,
      clock: this.#clock,
      log: this.#log,
      answer: async request => (await this.#keeper.promise).dispatch(request, 'gate'),
      settings: async () => {
        const keys = await this.#keys.promise
        return describeForGates(this.#configuration.config, { keys, tls: this.#tls.served?.material ?? null, version })
      },
    })
    return this.#gates
  }

  async #listen(gates: Gates, gateGid: number | null, uid: number): Promise<void> {
    const { runtime } = this.#configuration.config.paths
    const forGates = { mode: gateGid === null ? 0o600 : 0o660, gid: gateGid }
    const gateServer = await listenAt(join(runtime, 'keeper.sock'), forGates, socket => gates.accept(socket))
    const rootServer = await listenAt(join(runtime, 'root.sock'), { mode: 0o600, gid: null }, socket => {
      const peer = peerCredentials(socket)
      if (peer.uid !== 0 && peer.uid !== uid) socket.destroy()
      else this.#serveRoot(socket)
    })
    this.#closing.push(
      () => gates.close(),
      () => gateServer.close(),
      () => rootServer.close(),
    )
  }

  #serveRoot(socket: ConstructorParameters<typeof LinkServer>[0]): void {
    const from = { source: 'root', local: true, uid: 0, secure: false, agent: 'postern' }
    new LinkServer(socket, {
      hello: link => link.end('root.sock takes requests only'),
      listening: link => link.end('root.sock takes requests only'),
      knows: operation => findOperation(operation) !== null,
      answer: async request => (await this.#keeper.promise).dispatch({ ...request, from }, 'root'),
      closed: (_link, violation) =>
        violation !== null && this.#log('warn', 'a client of root.sock broke a rule', { violation }),
    })
  }

  #startGates(user: { uid: number; gid: number } | null): void {
    const { paths, gate } = this.#configuration.config
    this.#processes = new GateProcesses({
      spawn: () => spawnGate(this.#options.programs),
      order: worker => ({ runtime: paths.runtime, worker, workers: gate.workers, user }),
      count: gate.workers,
      log: this.#log,
      ended: () => this.#gateEnded.resolve('ended'),
    })
    this.#processes.start(this.#options.firstGate)
  }

  async #open(gates: Gates, owner: Account): Promise<void> {
    const keys = await openSigningKeys(this.#configuration.config, this.#clock, randomBytes)
    await this.#tls.open()
    this.#keys.resolve(keys)
    const keeper = await startKeeper({
      gates,
      keys,
      owner,
      configuration: this.#configuration,
      clock: this.#clock,
      random: randomBytes,
      log: this.#log,
      journal: this.#options.journal,
      pamCommand: [process.execPath, join(this.#options.programs, 'pam-child.cjs')],
      tls: this.#tls,
      issue: this.#issue,
      reload: () => this.reload(),
    })
    this.#keeper.resolve(keeper)
    // Stopped last: by then nobody asks it any more.
    this.#closing.unshift(() => keeper.stop())
    this.#closing.push(this.#manager.watch(() => keeper.answers()))
  }

  /** What any user may know of this instance, for clients on this machine: where it serves, and whose the sockets are. */
  #describeInstance(): void {
    const { config } = this.#configuration
    const http = listenersOf(config).map(place => ('unix' in place ? `unix:${place.unix}` : urlOf(place)))
    const text = JSON.stringify({ version, http, gate_uid: this.#gateUid })
    writeSecretFile(this.#instanceFile, `${text}\n`, randomBytes, 0o444)
  }

  get #instanceFile(): string {
    return join(this.#configuration.config.paths.runtime, 'instance.json')
  }

  #createTls(): Tls {
    const configuration = this.#configuration
    return new Tls({
      directory: join(configuration.config.paths.state, 'tls'),
      settings: () => {
        const { tls } = configuration.config
        const isServed = listenersOf(configuration.config).some(place => 'tls' in place && place.tls)
        const { certificate, key } = tls
        return { isServed, files: certificate === undefined || key === undefined ? null : { certificate, key } }
      },
      subject: () => presentSubject(configuration.config.hosts),
      clock: this.#clock,
      random: randomBytes,
      log: this.#log,
      changed: async () => this.#gates?.tellSettings(),
    })
  }

  #createIssue(): Issue {
    const { runtime } = this.#configuration.config.paths
    // /run/issue.d/postern.issue for /run/postern.
    const file = join(dirname(runtime), 'issue.d', `${basename(runtime)}.issue`)
    return new Issue({
      file: process.getuid?.() === 0 ? file : null,
      random: randomBytes,
      facts: () => {
        const fingerprint = this.#tls.served?.certificate.fingerprint ?? null
        return { fingerprint, urls: fingerprint === null ? [] : urlsOf(listenersOf(this.#configuration.config)) }
      },
    })
  }

  async #announce(env: NodeJS.ProcessEnv): Promise<void> {
    const { paths } = this.#configuration.config
    const served = [...new Set(this.#gates?.list().flatMap(({ listeners }) => listeners))].sort()
    const urls = served.filter(place => !place.startsWith('unix:'))
    const where = served.length > 0 ? `listening on ${served.join(' ')}` : 'no gate serves yet'
    this.#log('info', `ready, version ${version}, ${where}`)
    this.#manager.ready(where)
    const { served: https } = this.#tls
    if (https !== null)
      this.#log('info', `other machines: the certificate's fingerprint is ${https.certificate.fingerprint}`)
    if (env.POSTERN_HINTS === undefined) return
    const [url = 'http://127.0.0.1:7640'] = urls.filter(place => !place.startsWith('https:'))
    await printHints(paths.runtime, url, await this.#keeper.promise)
  }
}

function urlOf({ address, port, tls }: { address: string; port: number; tls: boolean }): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `${tls ? 'https' : 'http'}://${host}:${port}`
}
