/** Behind the proxies with TLS in front, with exactly what `postern proxy-config` prints for them. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Certificate, createCertificate } from '../support/certificate.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { listen } from '../support/events.ts'
import { ask } from '../support/http.ts'
import { applyLines, base, name, printed, startWith } from './proxy-drive.ts'

interface Context {
  daemon: Daemon
  account: Account
  root: Person
  certificate: Certificate
}

const test = suite<Context>('e2e/proxy-tls')

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon({ config: base })
  context.root = createPerson(0, context.daemon.runtime)
  context.certificate = createCertificate([`DNS:${name}`, 'IP:127.0.0.1'])
})
test.after(async ({ daemon, account, root, certificate }) => {
  certificate?.remove()
  root?.remove()
  await daemon?.remove()
  await account?.remove()
})

const ways = [
  { proxy: 'nginx', way: [] },
  { proxy: 'caddy', way: [] },
  { proxy: 'haproxy', way: [] },
  { proxy: 'haproxy', way: ['--socket'] },
]

for (const { proxy, way } of ways)
  test(`${[proxy, ...way].join(' ')}: what a browser asks by https gets a Secure cookie, and events by it`, async context => {
    const { account, certificate } = context
    const text = await printed(context, [proxy, ...way])
    await applyLines(context, text)
    const front = await startWith(proxy, text, certificate)
    const ca = readFileSync(certificate.certificateFile)
    const authority = `${name}:${front.port}`
    // What the client says of the scheme is nothing.
    const own = { Host: authority, Origin: `https://${authority}`, 'X-Forwarded-Proto': 'http' }
    try {
      const body = { user: account.name, password: account.password, cookie: true }
      const login = await ask(`${front.url}/postern/v1/login`, { ca, body, headers: own })
      assert.is(login.status, 200, login.text)
      const set = String(login.headers['set-cookie']?.[0])
      assert.match(set, new RegExp(`^__Host-postern-${front.port}=.*; Secure`))
      const headers = { ...own, Cookie: set.split(';', 1)[0] ?? '' }
      assert.is((await ask(`${front.url}/postern/v1/me`, { ca, headers })).status, 200)
      const events = `wss${front.url.slice(5)}/postern/v1/events`
      const stream = await listen(events, { ca, headers })
      assert.is((await stream.next(() => true)).kind, 'ready')
      await stream.close()
      const plain = { ...headers, Origin: `http://${authority}` }
      const foreign = await listen(events, { ca, headers: plain }).catch(fault => fault)
      assert.is(foreign.status, 403)
    } finally {
      await front.remove()
    }
  })

test.run()
