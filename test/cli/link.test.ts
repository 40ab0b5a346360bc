/** Root's way over root.sock: the token file is read again once, when its token was renewed meanwhile. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandFault } from '../../cli/fault.ts'
import { findInstance, type Instance } from '../../cli/instance.ts'
import { openLink, readTokenFile } from '../../cli/link.ts'
import type { Answer } from '../../server/link/message.ts'
import { LinkServer } from '../../server/link/server.ts'

const uid = process.getuid?.() ?? 0
const test = suite<{ instance: Instance; tokens: (string | null)[]; server: Server; links: LinkServer[] }>('cli/link')

/** A keeper's end of root.sock that takes the token `valid` alone, and notes those it is shown. */
test.before.each(async context => {
  const runtime = mkdtempSync(join(tmpdir(), 'postern-link-'))
  context.instance = findInstance(runtime, uid)
  context.tokens = []
  context.links = []
  const answer = async ({ token, operation }: { token: string | null; operation: string }): Promise<Answer> => {
    context.tokens.push(token)
    writeFileSync(join(runtime, 'token'), 'valid\n')
    if (operation === 'status') return new Promise(() => {})
    return token === 'valid' ? { ok: true, value: {} } : { ok: false, reason: 'unauthenticated' }
  }
  const ignore = () => {}
  context.server = createServer(socket => {
    const knows = () => true
    context.links.push(new LinkServer(socket, { hello: ignore, listening: ignore, closed: ignore, knows, answer }))
  })
  await new Promise<void>(resolve => context.server.listen(join(runtime, 'root.sock'), resolve))
})
test.after.each(({ server, links, instance }) => {
  for (const link of links) link.end(null)
  server.close()
  rmSync(instance.runtime, { recursive: true, force: true })
})

test('shows the token of the file, without its newline', async ({ instance, tokens }) => {
  writeFileSync(join(instance.runtime, 'token'), 'valid\n')
  const { call, close } = await openLink(instance, 5000)
  assert.ok((await call('session.end', {})).ok)
  assert.equal(tokens, ['valid'])
  close()
})

for (const former of ['former\n', null]) {
  test(`reads the file again once ${former === null ? 'where there was none' : 'on a no'}`, async ({
    instance,
    tokens,
  }) => {
    if (former !== null) writeFileSync(join(instance.runtime, 'token'), former)
    const { call, close } = await openLink(instance, 5000)
    assert.ok((await call('session.end', {})).ok)
    assert.equal(tokens, [former?.trim() ?? null, 'valid'])
    close()
  })
}

test('answers unavailable when the time is up', async ({ instance }) => {
  const { call } = await openLink(instance, 50)
  const answer = await call('status', {})
  assert.ok(!answer.ok && answer.reason === 'unavailable')
})

test('says that nobody is there where there is no socket', async ({ instance, server }) => {
  await new Promise(resolve => server.close(resolve))
  try {
    await openLink(instance, 50)
  } catch (fault) {
    assert.instance(fault, CommandFault)
    return assert.is((fault as CommandFault).exit, 'unreachable')
  }
  assert.unreachable()
})

test('refuses a token file that others can write', ({ instance }) => {
  writeFileSync(join(instance.runtime, 'token'), 'x')
  chmodSync(join(instance.runtime, 'token'), 0o666)
  assert.throws(() => readTokenFile(instance), /alone can write/)
})

test.run()
