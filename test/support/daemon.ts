/** A private postern for a test: the built daemon, real sockets, real PAM, every path in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPamService, type PamService, UNIX_RULES } from './account.ts'
import { cleanAtEnd } from './cleanup.ts'
import { type Ask, ask, type Reply } from './http.ts'

const root = new URL('../..', import.meta.url).pathname

export interface DaemonOptions {
  /** Configuration besides paths, listeners and the PAM service; sections are merged. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Rules of the PAM service; pam_unix alone when left out. */
  readonly pam?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Run it with this Node.js. */
  readonly node?: string
  /** Run it in this network namespace, where `ask` does not reach it. */
  readonly network?: string
  /** Start with these programs instead of dist/. */
  readonly programs?: string
}

/** What a login gives, as far as a test looks. */
export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly session: { readonly id: string }
}

export interface Daemon {
  readonly directory: string
  readonly runtime: string
  readonly configFile: string
  readonly port: number
  readonly url: string
  readonly process: ChildProcess
  /** What it wrote to stderr so far. */
  log(): string
  /** Root's token, from the file. */
  token(): string
  ask(path: string, options?: Ask): Promise<Reply>
  login(user: string, password: string, more?: object): Promise<Reply>
  /** The tokens of a login by password alone; throws when there are none. */
  tokens(user: string, password: string): Promise<Tokens>
  /** Writes the configuration anew; takes effect at the next start or reload. */
  configure(config: Readonly<Record<string, unknown>>): void
  /** Ends it as SIGTERM does, and resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same state. */
  start(): Promise<void>
  /** Stops it and removes everything. */
  remove(): Promise<void>
}

/** A TCP port of 127.0.0.1 that nobody has just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

function configFor(
  directory: string,
  port: number,
  service: string,
  config: Readonly<Record<string, unknown>>,
): object {
  const own = {
    paths: {
      runtime: join(directory, 'run'),
      gate_runtime: join(directory, 'gate-run'),
      state: join(directory, 'state'),
      gate_state: join(directory, 'gate-state'),
      log: join(directory, 'log'),
      jobs: join(directory, 'jobs'),
    },
    listen: [{ unix: 'http.sock' }, { address: '127.0.0.1', port }, { address: '::1', port }],
  }
  return { ...own, ...config, pam: { service, ...(config.pam as object | undefined) } }
}

/** Starts a daemon and resolves when it is ready; rejects with what it said when it ends instead. */
export async function startDaemon({
  config = {},
  pam = UNIX_RULES,
  env = {},
  node,
  network,
  programs,
}: DaemonOptions = {}): Promise<Daemon> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-test-'))
  chmodSync(directory, 0o755)
  const service: PamService = createPamService(pam)
  const port = await freePort()
  const configFile = join(directory, 'server.yml')
  const configure = (given: Readonly<Record<string, unknown>>) =>
    // JSON is YAML.
    writeFileSync(configFile, JSON.stringify(configFor(directory, port, service.name, given)), { mode: 0o600 })
  configure(config)
  let child: ChildProcess | null = null
  let log = ''

  const start = async () => {
    const command = [node ?? process.execPath, join(programs ?? join(root, 'dist'), 'posternd.cjs')]
    const [program = '', ...words] = network === undefined ? command : ['ip', 'netns', 'exec', network, ...command]
    const started = spawn(program, [...words, '--config', configFile], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // As its unit and its command have it.
      env: { PATH: process.env.PATH ?? '', MALLOC_ARENA_MAX: '1', ...env },
    })
    child = started
    const from = log.length
    await new Promise<void>((resolve, reject) => {
      started.stderr?.on('data', chunk => {
        log += chunk
        if (log.indexOf('ready, version', from) >= 0) resolve()
      })
      started.once('exit', (code, signal) =>
        reject(new Error(`posternd ended (${code ?? signal}):\n${log.slice(from)}`)),
      )
    })
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  const forget = cleanAtEnd(() => {
    child?.kill('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  })
  const remove = async () => {
    forget()
    await stop()
    await service.remove()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (fault) {
    await remove()
    throw fault
  }
  const url = `http://127.0.0.1:${port}`
  const runtime = join(directory, 'run')
  const login = (user: string, password: string, more = {}) =>
    ask(`${url}/postern/v1/login`, { body: { user, password, ...more } })
  return {
    directory,
    runtime,
    configFile,
    port,
    url,
    get process() {
      if (child === null) throw new Error('the daemon was not started')
      return child
    },
    log: () => log,
    token: () => readFileSync(join(runtime, 'token'), 'utf8').trim(),
    ask: (path, options) => ask(url + path, options),
    login,
    async tokens(user, password) {
      const reply = await login(user, password)
      if (reply.status !== 200) throw new Error(`${user} was not let in: ${reply.text}`)
      return reply.json() as unknown as Tokens
    },
    configure,
    stop,
    start,
    remove,
  }
}
