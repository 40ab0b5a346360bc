/** A daemon with a person and an administrator, and the streams of events that a test opens there. */
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { type Heard, type Listen, type Listening, listen } from '../support/events.ts'
import type { Reply } from '../support/http.ts'

export interface SignedIn {
  readonly token: string
  readonly session: string
}

export interface Streams {
  readonly daemon: Daemon
  /** No role. */
  readonly alice: Account
  /** An administrator. */
  readonly bob: Account
  /** Closed after each test. */
  readonly open: Listening[]
  config(): Record<string, unknown>
  stream(query?: string, options?: Listen): Promise<Listening>
  signIn(account: Account): Promise<SignedIn>
  revoke(id: string, token?: string): Promise<Reply>
  closeAll(): Promise<void>
  remove(): Promise<void>
}

export const isReady = ({ kind }: Heard) => kind === 'ready'

export async function startStreams(): Promise<Streams> {
  const alice = await createAccount()
  const bob = await createAccount()
  const config = () => ({
    login: { failure_delay_seconds: 0.5, allow: { users: ['root', alice.name, bob.name] } },
    roles: { admin: { users: ['root', bob.name] } },
  })
  const daemon = await startDaemon({ config: config() })
  const open: Listening[] = []

  async function stream(query = '', options: Listen = {}): Promise<Listening> {
    const listening = await listen(`ws://127.0.0.1:${daemon.port}/postern/v1/events${query}`, options)
    open.push(listening)
    return listening
  }

  async function signIn({ name, password }: Account): Promise<SignedIn> {
    const reply = await daemon.login(name, password)
    assert.is(reply.status, 200, reply.text)
    const { access_token: token, session } = reply.json() as { access_token: string; session: { id: string } }
    return { token, session: session.id }
  }

  const revoke = (id: string, token = daemon.token()) =>
    daemon.ask(`/postern/v1/sessions/${id}`, { method: 'DELETE', token })
  const closeAll = async () => {
    for (const one of open.splice(0)) await one.close()
  }
  const remove = async () => {
    await daemon.remove()
    await alice.remove()
    await bob.remove()
  }
  return { daemon, alice, bob, open, config, stream, signIn, revoke, closeAll, remove }
}
