/** `postern monitor` at another machine: over TLS, below a path, and what it makes of a key or a proxy that is not right. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person, type Watched } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Certificate, createCertificate } from '../support/certificate.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { startNginx } from '../support/nginx.ts'
import type { FrontProxy } from '../support/proxy.ts'

interface Context {
  daemon: Daemon
  account: Account
  certificate: Certificate
  other: Certificate
  /** What proxy-config prints. */
  block: string
  root: Person
  person: Person
  front: FrontProxy
  watched: Watched
}

const test = suite<Context>('e2e/monitor-remote')

test.before(async context => {
  context.account = await createAccount()
  const allow = { users: ['root', context.account.name] }
  context.daemon = await startDaemon({ config: { login: { allow }, trusted_proxies: ['unix'] } })
  context.certificate = createCertificate()
  context.other = createCertificate()
  context.root = createPerson(0, context.daemon.runtime)
  context.block = await printBlock(context.root)
})
test.after(async ({ root, daemon, account, certificate, other }) => {
  root?.remove()
  await daemon?.remove()
  await account?.remove()
  certificate?.remove()
  other?.remove()
})
test.after.each(async ({ watched, person, front }) => {
  await watched?.stop()
  person?.remove()
  await front?.remove()
})

async function printBlock(root: Person): Promise<string> {
  return (await root.run(['proxy-config', 'nginx', '--path', '/sub/'])).stdout
}

/** Logs somebody in by way of an nginx whose server block holds `more` as well, and has them watch. */
async function begin(context: Context, more = ''): Promise<Watched> {
  const { account, certificate, block } = context
  context.front = await startNginx(`${block}\n${more}`, certificate)
  context.person = createPerson(account.uid, '/nonexistent')
  const host = `https://127.0.0.1:${context.front.port}/sub`
  const words = ['login', '--host', host, '--fingerprint', certificate.pin, '--password-stdin']
  const login = await context.person.run(words, account.password)
  assert.is(login.status, 0, login.stderr)
  context.watched = context.person.watch(['monitor', '--json', '--host', host])
  return context.watched
}

/** Something happens until it is heard of. */
async function untilHeard({ daemon, account }: Context, { lines, errors }: Watched): Promise<void> {
  const former = lines().length
  for (const endMs = performance.now() + 15_000; lines().length === former; ) {
    assert.ok(performance.now() < endMs, errors())
    await daemon.login(account.name, account.password)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

test('events are heard over TLS, below a path, and again after the daemon behind the proxy was away', async context => {
  const watched = await begin(context)
  await untilHeard(context, watched)
  assert.is(JSON.parse(watched.lines()[0] ?? '').user.name, context.account.name)
  await context.daemon.stop()
  const log = join(context.front.directory, 'access.log')
  for (const endMs = performance.now() + 10_000; !/events\S* HTTP\S* 502 /.test(readFileSync(log, 'utf8')); ) {
    assert.ok(performance.now() < endMs, watched.errors())
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  await context.daemon.start()
  await untilHeard(context, watched)
})

test('a stream outlives its access token: the login is renewed, and nothing is missed meanwhile', async context => {
  const { account, daemon, block, root } = context
  const allow = { users: ['root', account.name] }
  const config = { login: { allow }, trusted_proxies: ['unix'], token: { access_seconds: 5 } }
  const shortLived = await startDaemon({ config })
  const itsRoot = createPerson(0, shortLived.runtime)
  try {
    const its = { daemon: shortLived, root: itsRoot, block: await printBlock(itsRoot) }
    const watched = await begin(Object.assign(context, its))
    await untilHeard(context, watched)
    const expected: string[] = []
    for (const endMs = performance.now() + 12_000; performance.now() < endMs; ) {
      expected.push((await shortLived.tokens(account.name, account.password)).session.id)
      await new Promise(resolve => setTimeout(resolve, 300))
    }
    await untilHeard(context, watched)
    const heard = watched.lines().map(line => JSON.parse(line))
    const began = heard.filter(({ kind, action }) => kind === 'session' && action === 'began')
    const wanted = began.filter(({ session }) => expected.includes(session)).map(({ session }) => session)
    assert.equal(wanted, expected, watched.errors())
    assert.is(watched.errors(), '')
  } finally {
    Object.assign(context, { daemon, block, root })
    itsRoot.remove()
    await shortLived.remove()
  }
})

test('a key that has changed before it comes back is refused, with both fingerprints, and it does not come back', async context => {
  const watched = await begin(context)
  await untilHeard(context, watched)
  const { certificate, other, block, front } = context
  await front.remove()
  await watched.error(/it is tried again/)
  context.front = await startNginx(block, other, front.port)
  assert.is(await watched.ended(), 77)
  assert.match(watched.errors(), /has changed.*nothing was sent/)
  for (const { pin } of [certificate, other]) assert.ok(watched.errors().includes(pin), watched.errors())
})

const events = 'location = /sub/postern/v1/events'
/** What is printed, for the stream of events alone. */
const eventsBlock = (block: string) =>
  (/^location \/sub\/ \{[^}]*\}/m.exec(block)?.[0] ?? '')
    .replace('location /sub/', events)
    .replace(/(proxy_pass .*:)\/;/, '$1/postern/v1/events;')
const problem = `{"code":"forbidden","detail":"write trusted_proxies: [unix]"}`
for (const { name, more, status, says } of [
  {
    name: 'the Host is not ours',
    more: (block: string) => eventsBlock(block).replaceAll('$http_host', 'nowhere.example'),
    status: 77,
    says: /error: this is not the name of this machine: .*hosts: \[nowhere\.example\]/,
  },
  {
    name: 'it is not permitted',
    more: () => `${events} { default_type application/problem+json; return 403 '${problem}'; }`,
    status: 77,
    says: /error: not permitted: write trusted_proxies: \[unix\]\n/,
  },
  {
    name: 'the proxy passes no WebSocket on',
    more: (block: string) => eventsBlock(block).replace(/^.*Upgrade.*\n/gm, ''),
    status: 69,
    says: /error: HTTP 426 instead of a WebSocket\n.*hint: .*proxy-config/,
  },
  {
    name: 'something else answers',
    more: () => `${events} { return 302 https://127.0.0.1/elsewhere; }`,
    status: 69,
    says: /error: HTTP 302 instead of a WebSocket\n/,
  },
])
  test(`a handshake that is refused because ${name} says so`, async context => {
    const watched = await begin(context, more(context.block))
    assert.is(await watched.ended(), status)
    assert.match(watched.errors(), says)
  })

test.run()
