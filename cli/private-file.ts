/** A small file of JSON that only its owner can read and write, changed by one command at a time. */
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
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { CommandFault } from './fault.ts'
import { withLock } from './lock.ts'

/** Where such files are kept: `$XDG_STATE_HOME/postern`. A relative variable is ignored, as its specification says. */
export function stateDirectory(env: NodeJS.ProcessEnv): string {
  const base =
    env.XDG_STATE_HOME && isAbsolute(env.XDG_STATE_HOME) ? env.XDG_STATE_HOME : join(homedir(), '.local/state')
  return join(base, 'postern')
}

/** What is in the file. */
export interface Content<T> {
  /** When there is no file. */
  readonly empty: T
  /** The value of parsed JSON, or null when it is not what postern writes. */
  parse(json: unknown): T | null
}

/** One file of the state directory, which is made when the first change is kept. */
export class PrivateFile<T> {
  readonly path: string
  readonly #directory: string
  readonly #uid: number
  readonly #content: Content<T>

  /** `uid` must own the directory and the file. */
  constructor({ directory, name, uid }: { directory: string; name: string; uid: number }, content: Content<T>) {
    this.path = join(directory, name)
    this.#directory = directory
    this.#uid = uid
    this.#content = content
  }

  /**
   * Replaces what is kept by what `change` makes of it; nothing is written when that is the very same value. No other command
   * changes the file meanwhile.
   */
  async change(change: (value: T) => Promise<T>): Promise<void> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    this.#requireOwnDirectory()
    await withLock(`${this.path}.lock`, async () => {
      const former = this.read()
      const value = await change(former)
      if (value !== former) this.#write(value)
    })
  }

  /** Throws a `CommandFault` when the file could have been read or written by others. */
  read(): T {
    let fd: number
    try {
      fd = openSync(this.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (fault) {
      if (fault instanceof Error && 'code' in fault && fault.code === 'ENOENT') return this.#content.empty
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

  #distrust(why: string): CommandFault {
    const hint = 'whoever read it may be logged in as you: remove it, then postern login'
    return new CommandFault('permission', `${this.path} ${why}, expected a file of yours with mode 0600`, hint)
  }

  #parse(text: string): T {
    try {
      const value = this.#content.parse(JSON.parse(text))
      if (value !== null) return value
    } catch {
      // said below
    }
    throw new CommandFault('storage', `${this.path} is not what postern writes`, 'remove it, then postern login')
  }

  /** By a new file and a rename: a reader sees the former value or the new one, and a full disk loses none. */
  #write(value: T): void {
    const temporary = `${this.path}.${randomBytes(9).toString('base64url')}`
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      // To the last byte, or a throw.
      writeFileSync(fd, `${JSON.stringify(value, null, 2)}\n`)
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
