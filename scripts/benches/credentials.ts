/** Logs in, for requests that show who asks. */
import type { Account } from '../../test/support/account.ts'
import type { Daemon } from '../../test/support/daemon.ts'

/** The session cookie as `NAME=VALUE`. */
export async function cookieOf(daemon: Daemon, account: Account): Promise<string> {
  const reply = await daemon.ask('/postern/v1/login', {
    body: { user: account.name, password: account.password, cookie: true },
    headers: { Origin: daemon.url },
  })
  return String(reply.headers['set-cookie']?.[0]).split(';', 1)[0] ?? ''
}

/** An access token. */
export async function tokenOf(daemon: Daemon, account: Account): Promise<string> {
  return String((await daemon.login(account.name, account.password)).json().access_token)
}
