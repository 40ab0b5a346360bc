/** The stored login renews itself once, whoever else uses it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CreateCall, createStoredCall } from '../../cli/stored-call.ts'
import { StoredLogins } from '../../cli/stored-logins.ts'
import { no, yes } from '../../server/operations/operation.ts'
import type { Call } from '../../server/operations/table.ts'

const origin = 'http://127.0.0.1:7640'
const nowMs = () => Date.UTC(2026, 4, 4)
const test = suite<{ directory: string; logins: StoredLogins }>('cli/stored-call')
test.before.each(async context => {
  context.directory = mkdtempSync(join(tmpdir(), 'postern-stored-'))
  context.logins = new StoredLogins(join(context.directory, 'postern'), process.getuid?.() ?? 0)
  const login = { user: 'a', access_token: 'access-1', refresh_token: 'refresh-1', expires_at: '' }
  await context.logins.change(origin, async () => login)
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

/** A server's rules: the newest access token is taken, a refresh token once. */
function createServer(): { create: CreateCall; asked: string[] } {
  const asked: string[] = []
  const generation = 2
  const create: CreateCall = token => {
    const call = async (name: string, input: { refresh_token?: string }) => {
      asked.push(`${name} ${input.refresh_token ?? token()}`)
      if (name !== 'login.refresh') return token() === `access-${generation}` ? yes({}) : no('unauthenticated')
      if (input.refresh_token !== `refresh-${generation - 1}`) return no('refresh_failed')
      const session = { user: { name: 'a' } }
      return yes({
        access_token: `access-${generation}`,
        refresh_token: `refresh-${generation}`,
        expires_in: 60,
        session,
      })
    }
    return call as unknown as Call
  }
  return { create, asked }
}

test('renews on a no and asks again, once', async ({ logins }) => {
  const { create, asked } = createServer()
  const answer = await createStoredCall(create, logins, origin, nowMs).call('session.current', {})
  assert.ok(answer.ok)
  assert.equal(asked, ['session.current access-1', 'login.refresh refresh-1', 'session.current access-2'])
  assert.is(logins.find(origin)?.refresh_token, 'refresh-2')
  assert.is(logins.find(origin)?.expires_at, '2026-05-04T00:01:00.000Z')
})

test('spends a refresh token once when two commands find the access token ended', async ({ logins }) => {
  const { create, asked } = createServer()
  const one = createStoredCall(create, logins, origin, nowMs)
  const two = createStoredCall(create, logins, origin, nowMs)
  assert.is(one.login()?.access_token, two.login()?.access_token)
  const answers = [await one.call('session.current', {}), await two.call('session.current', {})]
  assert.equal(
    answers.map(answer => answer.ok),
    [true, true],
  )
  assert.is(asked.filter(line => line.startsWith('login.refresh')).length, 1)
})

test('forgets a login whose refresh token is not taken', async ({ logins }) => {
  const { create, asked } = createServer()
  const spent = { user: 'a', access_token: 'old', refresh_token: 'spent', expires_at: '' }
  await logins.change(origin, async () => spent)
  const answer = await createStoredCall(create, logins, origin, nowMs).call('session.current', {})
  assert.ok(!answer.ok && answer.reason === 'unauthenticated')
  assert.equal(asked, ['session.current old', 'login.refresh spent'])
  assert.is(logins.find(origin), null)
})

test('keeps the login when the daemon cannot say', async ({ logins }) => {
  const create: CreateCall = () =>
    (async (name: string) => no(name === 'login.refresh' ? 'unavailable' : 'unauthenticated')) as unknown as Call
  const answer = await createStoredCall(create, logins, origin, nowMs).call('session.current', {})
  assert.ok(!answer.ok)
  assert.is(logins.find(origin)?.refresh_token, 'refresh-1')
})

test('sends no token with a login', async ({ logins }) => {
  const { create, asked } = createServer()
  await createStoredCall(create, logins, origin, nowMs).call('login.begin', { user: 'a' })
  assert.equal(asked, ['login.begin null'])
})

test.run()
