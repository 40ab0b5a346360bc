/** A person's logins at posterns, in a file that nobody else can read, by origin. */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { CommandFault } from './fault.ts'
import { withLock } from './lock.ts'

/** One login. */
export interface StoredLogin {
  readonly user: string
  readonly access_token: string
  readonly refresh_token: string | null
  /** When the access token ends, RFC 3339. */
  readonly expires_at: string
}

/** The logins by origin (`http://127.0.0.1:7640`, `unix:/run/postern-gate/http.sock`). */
type Logins = { [origin: string]: StoredLogin }

/** Where they are kept: `$XDG_STATE_HOME/postern`. A relative variable is ignored, as its specification says. */
export function stateDirectory(env: NodeJS.ProcessEnv): string {
  const base =
    env.XDG_STATE_HOME && isAbsolute(env.XDG_STATE_HOME) ? env.XDG_STATE_HOME : join(homedir(), '.local/state')
  return join(base, 'postern')
}

/** The file `tokens.json` in that directory, which is made when the first login is stored. */
export class StoredLogins {
  readonly #directory: string
  readonly #uid: number

  /** `uid` must own the directory and the file. */
  constructor(directory: string, uid: number) {
    this.#directory = directory
    this.#uid = uid
  }

  get path(): string {
    return join(this.#directory, 'tokens.json')
  }

  /** The login at `origin`, or null. Throws a `CommandFault` when the file could have been read or written by others. */
  find(origin: string): StoredLogin | null {
    const logins = this.#read()
    return Object.hasOwn(logins, origin) ? (logins[origin] ?? null) : null
  }

  /**
   * Replaces the login at `origin` by what `change` makes of it (null removes it), and gives that back. No other command
   * changes the file meanwhile, so a refresh token is spent by one of them alone.
   */
  async change(
    origin: string,
    change: (login: StoredLogin | null) => Promise<StoredLogin | null>,
  ): Promise<StoredLogin | null> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    this.#requireOwnDirectory()
    return withLock(`${this.path}.lock`, async () => {
      const logins = this.#read()
      const former = Object.hasOwn(logins, origin) ? (logins[origin] ?? null) : null
      const login = await change(former)
      if (login === former) return login
      const { [origin]: _, ...others } = logins
      this.#write(login === null ? others : { ...others, [origin]: login })
      return login
    })
  }

  #requireOwnDirectory(): void {
    const stat = lstatSync(this.#directory)
    const isOwn = stat.isDirectory() && stat.uid === this.#uid && (stat.mode & 0o022) === 0
    if (isOwn) return
    throw new CommandFault(
      'permission',
      `${this.#directory} is not a directory that you alone can write`,
      `chmod 700 ${this.#directory}, or set XDG_STATE_HOME`,
    )
  }

  #read(): Logins {
    let fd: number
    try {
      fd = openSync(this.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (fault) {
      if (fault instanceof Error && 'code' in fault && fault.code === 'ENOENT') return {}
      if (fault instanceof Error && 'code' in fault && fault.code === 'ELOOP') throw this.#distrust('is a link')
      throw fault
    }
    try {
      this.#requireOwnDirectory()
      const stat = fstatSync(fd)
      if (!stat.isFile()) throw this.#distrust('is not a file')
      if (stat.uid !== this.#uid) throw this.#distrust(`belongs to uid ${stat.uid}`)
      if ((stat.mode & 0o077) !== 0) throw this.#distrust('can be read or written by others')
      return this.#parse(readFileSync(fd, 'utf8'))
    } finally {
      closeSync(fd)
    }
  }

  #distrust(why: string): CommandFault {
    const hint = 'whoever read it may be logged in as you: remove it, then postern login'
    return new CommandFault('permission', `${this.path} ${why}, expected a file of yours with mode 0600`, hint)
  }

  #parse(text: string): Logins {
    try {
      const { logins } = JSON.parse(text) as { logins?: unknown }
      if (isLogins(logins)) return logins
    } catch {
      // said below
    }
    throw new CommandFault('storage', `${this.path} is not what postern writes`, 'remove it, then postern login')
  }

  /** By a new file and a rename: a reader sees the former logins or the new ones, and a full disk loses none. */
  #write(logins: Logins): void {
    const temporary = `${this.path}.${randomBytes(9).toString('base64url')}`
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      writeSync(fd, `${JSON.stringify({ logins }, null, 2)}\n`)
      fsyncSync(fd)
      renameSync(temporary, this.path)
    } catch (fault) {
      unlinkSync(temporary)
      throw fault
    } finally {
      closeSync(fd)
    }
  }
}

function isLogins(value: unknown): value is Logins {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isLogin)
}

function isLogin(value: unknown): value is StoredLogin {
  if (typeof value !== 'object' || value === null) return false
  const { user, access_token: access, refresh_token: refresh, expires_at: expires } = value as Record<string, unknown>
  const isText = [user, access, expires].every(text => typeof text === 'string')
  return isText && (refresh === null || typeof refresh === 'string')
}
