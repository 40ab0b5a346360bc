/** A person's logins at posterns, in a file that nobody else can read, by origin. */
import { PrivateFile } from './private-file.ts'

/** One login. */
export interface StoredLogin {
  readonly user: string
  readonly access_token: string
  readonly refresh_token: string | null
  /** When the access token ends, RFC 3339. */
  readonly expires_at: string
}

/** The logins by origin (`http://127.0.0.1:7640`, `unix:/run/postern-gate/http.sock`, `https://box:7643`). */
type Logins = { [origin: string]: StoredLogin }

/** The file `tokens.json`. */
export class StoredLogins {
  readonly #file: PrivateFile<{ readonly logins: Logins }>

  /** `uid` must own the directory and the file. */
  constructor(directory: string, uid: number) {
    this.#file = new PrivateFile({ directory, name: 'tokens.json', uid }, { empty: { logins: {} }, parse: parseLogins })
  }

  get path(): string {
    return this.#file.path
  }

  /** The login at `origin`, or null. Throws a `CommandFault` when the file could have been read or written by others. */
  find(origin: string): StoredLogin | null {
    const { logins } = this.#file.read()
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
    let login: StoredLogin | null = null
    await this.#file.change(async kept => {
      const former = Object.hasOwn(kept.logins, origin) ? (kept.logins[origin] ?? null) : null
      login = await change(former)
      if (login === former) return kept
      const { [origin]: _, ...others } = kept.logins
      return { logins: login === null ? others : { ...others, [origin]: login } }
    })
    return login
  }
}

function parseLogins(json: unknown): { logins: Logins } | null {
  const { logins } = json as { logins?: unknown }
  return isLogins(logins) ? { logins } : null
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
