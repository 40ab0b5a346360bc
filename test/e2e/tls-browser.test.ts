/** postern's own HTTPS in a real browser: the form, the cookie, the live page; and to whom the browser sends the cookie besides. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { createCertificate } from '../support/certificate.ts'
import { type Browser, openBrowser } from '../support/chromium.ts'
import { type Daemon, freePort, startDaemon } from '../support/daemon.ts'
import { fillIn, hearsEvents } from './page-drive.ts'

interface Context {
  daemon: Daemon
  account: Account
  browser: Browser
  /** The port of HTTPS. */
  port: number
}

const test = suite<Context>('e2e/tls-browser')

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon()
  context.port = await freePort()
  const { daemon, port } = context
  const plain = [{ unix: 'http.sock' }, { address: '127.0.0.1', port: daemon.port }]
  const listen = [...plain, { address: '127.0.0.1', port, tls: true }]
  await daemon.stop()
  daemon.configure({ listen, insecure: { throttle_off: true } })
  await daemon.start()
})
test.before.each(async context => {
  context.browser = await openBrowser({ anyCertificate: true })
  context.browser.context.setDefaultTimeout(5000)
})
test.after.each(({ browser }) => browser.close())
test.after(async ({ daemon, account }) => {
  await daemon?.remove()
  await account?.remove()
})

const revoke = (daemon: Daemon, id: string | null) =>
  daemon.ask(`/postern/v1/sessions/${id}`, { method: 'DELETE', token: daemon.token() })

for (const host of ['127.0.0.1', 'localhost'])
  test(`https://${host}: a browser signs in, has a cookie for HTTPS alone, and its page is live`, async context => {
    const { daemon, account, browser, port } = context
    const origin = `https://${host}:${port}`
    const other = (await daemon.tokens(account.name, account.password)).session.id
    const page = await browser.context.newPage()
    await page.goto(origin)
    assert.is(page.url(), `${origin}/login?next=%2Fpostern%2F`)
    const [stream] = await Promise.all([hearsEvents(page), fillIn(page, account)])
    assert.is(page.url(), `${origin}/postern/`)
    assert.is(stream, `wss://${host}:${port}/postern/v1/events?kinds=session`)
    const [cookie, ...others] = await browser.context.cookies()
    assert.is(others.length, 0)
    assert.is(cookie?.name, `__Host-postern-${port}`)
    assert.equal([cookie?.secure, cookie?.httpOnly, cookie?.sameSite, cookie?.path], [true, true, 'Strict', '/'])
    await revoke(daemon, other)
    await page.locator(`[data-session="${other}"]`).waitFor({ state: 'detached', timeout: 1000 })
    await revoke(daemon, await page.locator('tr.current').getAttribute('data-session'))
    await page.waitForURL(`${origin}/login?next=%2Fpostern%2F`, { timeout: 2000 })
  })

/** Leads the page to another server of this machine, on a port of its own, and resolves with the Cookie field that one is sent. */
async function visitNeighbour(page: Page, scheme: string, host: string): Promise<string> {
  const certificate = createCertificate()
  const [key, cert] = [readFileSync(certificate.keyFile), readFileSync(certificate.certificateFile)]
  let sent = ''
  const neighbour = scheme === 'https' ? createSecureServer({ key, cert }) : createServer()
  neighbour.on('request', ({ url, headers }, response) => {
    if (url === '/there') sent = headers.cookie ?? ''
    response.end()
  })
  await new Promise<void>(resolve => neighbour.listen(0, '127.0.0.1', resolve))
  try {
    await page.goto(`${scheme}://${host}:${(neighbour.address() as AddressInfo).port}/there`)
    return sent
  } finally {
    neighbour.closeAllConnections()
    neighbour.close()
    certificate.remove()
  }
}

// What browsers do, not postern: on loopback even Secure and __Host- keep a cookie from nobody who listens there.
for (const host of ['127.0.0.1', 'localhost'])
  for (const scheme of ['http', 'https'])
    test(`https://${host}: the browser sends the cookie to another port by ${scheme} too`, async context => {
      const { account, browser, port } = context
      const page = await browser.context.newPage()
      await page.goto(`https://${host}:${port}/login?next=/postern/`)
      await fillIn(page, account)
      assert.match(await visitNeighbour(page, scheme, host), new RegExp(`^__Host-postern-${port}=`))
    })

test.run()
