/** The logins that may be in flight: strangers who wait for their refusals keep neither this machine out nor, once they hang up, others. */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { maxLoginsInFlight, maxLoginsOfOneKind } from '../../server/link/message.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import type { Ask, Reply } from '../support/http.ts'
import { auditOf, waitFor } from './login-drive.ts'

const test = suite('e2e login slots')
const groups = ['users']
const strangers = maxLoginsInFlight + 6
let daemon: Daemon
let account: Account

test.before(async () => {
  account = await createAccount({ groups })
  daemon = await startDaemon({
    config: {
      // Longer than the test: who waits is still there at its end.
      login: { allow: { groups }, failure_delay_seconds: 30 },
      trusted_proxies: ['unix'],
    },
  })
})
test.after(async () => {
  await daemon?.remove()
  await account?.remove()
})

const from = (address: string): Ask => ({
  socketPath: join(daemon.directory, 'gate-run/http.sock'),
  headers: { 'X-Forwarded-For': address },
})
const enter = (ask: Ask): Promise<Reply> =>
  daemon.ask('/postern/v1/login', { ...ask, body: { user: account.name, password: account.password } })
/** Refused without a child, so that nothing but the delay holds it. */
const guess = (at: number, signal: AbortSignal): Promise<Reply> =>
  daemon.ask('/postern/v1/login', {
    ...from(`203.0.113.${at}`),
    signal,
    body: { user: `pt-nobody-${at}`, password: 'x\0' },
  })
const failedSources = async () => {
  const { items } = (await daemon.ask('/postern/v1/throttle', { token: daemon.token() })).json()
  return (items as { source: string | null }[]).filter(({ source }) => source?.startsWith('ip:203.0.113.')).length
}

test('more strangers than there are logins in flight wait, and somebody at this machine gets in', async () => {
  const cut = new AbortController()
  const turnedAway: Reply[] = []
  const guesses = Array.from({ length: strangers }, (_, at) =>
    guess(at, cut.signal).then(
      reply => void turnedAway.push(reply),
      () => {},
    ),
  )
  await waitFor('the rest is turned away', () => turnedAway.length >= strangers - maxLoginsOfOneKind)
  for (const { status, headers, text } of turnedAway) {
    assert.equal([status, headers['retry-after']], [503, '2'], text)
    assert.is((JSON.parse(text) as { retry_after: number }).retry_after, 2)
  }
  assert.is((await enter(from('198.51.100.1'))).status, 503)
  assert.is((await enter({ uid: 1000 })).status, 200)
  assert.is((await enter({})).status, 200)
  assert.is(turnedAway.length, strangers - maxLoginsOfOneKind)

  cut.abort()
  await Promise.all(guesses)
  await waitFor('strangers get in again', async () => (await enter(from('198.51.100.1'))).status === 200)
  const told = auditOf(daemon, 'login.begin').filter(({ reason }) => reason === 'unsupported_text')
  assert.is(told.length, maxLoginsOfOneKind)
  assert.is(await failedSources(), maxLoginsOfOneKind)
})

test.run()
