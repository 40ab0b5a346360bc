/** Events in a real browser: the page is up to date by itself, and no page of another origin hears anything. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Browser, openBrowser } from '../support/chromium.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { fillIn, hearsEvents } from './page-drive.ts'

const test = suite<{ daemon: Daemon; account: Account; browser: Browser; hostile: Server }>('e2e/events-browser')

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon({ config: { insecure: { throttle_off: true } } })
  context.hostile = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end('<!doctype html><title>hostile</title>')
  })
  await new Promise<void>(resolve => context.hostile.listen(0, '127.0.0.1', resolve))
})
test.before.each(async context => {
  context.browser = await openBrowser()
})
test.after.each(({ browser }) => browser.close())
test.after(async ({ daemon, account, hostile }) => {
  hostile.close()
  await daemon.remove()
  await account.remove()
})

async function signIn(page: Page, origin: string, account: Account): Promise<void> {
  await page.goto(`${origin}/login?next=/postern/`)
  await fillIn(page, account)
  await page.waitForURL(`${origin}/postern/`)
}

async function logIn(daemon: Daemon, { name, password }: Account): Promise<string> {
  return ((await daemon.login(name, password)).json().session as { id: string }).id
}

const revoke = (daemon: Daemon, id: string) =>
  daemon.ask(`/postern/v1/sessions/${id}`, { method: 'DELETE', token: daemon.token() })

test('a session that ends elsewhere is gone from the page at once, and a new one is told of', async context => {
  const { daemon, account, browser } = context
  const page = await browser.context.newPage()
  const complaints: string[] = []
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
  const other = await logIn(daemon, account)
  await Promise.all([hearsEvents(page), signIn(page, daemon.url, account)])
  const row = page.locator(`[data-session="${other}"]`)
  assert.is(await row.count(), 1)
  await revoke(daemon, other)
  await row.waitFor({ state: 'detached', timeout: 1000 })
  assert.match(String(await page.locator('[data-news]').textContent()), /ended/)
  const next = await logIn(daemon, account)
  await page.getByText('There is a new session.').waitFor({ timeout: 1000 })
  await page.getByRole('link', { name: 'Show' }).click()
  await page.locator(`[data-session="${next}"]`).waitFor()
  assert.equal(complaints, [])
})

test('whose own session is ended elsewhere sees the login page at once', async ({ daemon, account, browser }) => {
  const page = await browser.context.newPage()
  await Promise.all([hearsEvents(page), signIn(page, daemon.url, account)])
  const own = await page.locator('tr.current').getAttribute('data-session')
  await revoke(daemon, String(own))
  await page.waitForURL(`${daemon.url}/login?**`, { timeout: 2000 })
})

test('a page whose stream is cut and not opened again says that it is not live, until it is', async context => {
  const { daemon, account, browser } = context
  const page = await browser.context.newPage()
  await Promise.all([hearsEvents(page), signIn(page, daemon.url, account)])
  const trouble = page.getByRole('status').filter({ hasText: 'This page is not live' })
  assert.is(await trouble.count(), 0)
  await daemon.stop()
  await trouble.waitFor({ timeout: 10_000 })
  await daemon.start()
  await trouble.waitFor({ state: 'detached', timeout: 10_000 })
})

/** What a page gets that opens the stream: every message, and the code it was closed with. */
function tryToHear(page: Page, url: string): Promise<{ heard: string[]; opened: boolean }> {
  return page.evaluate(
    target =>
      new Promise<{ heard: string[]; opened: boolean }>(resolve => {
        const heard: string[] = []
        let opened = false
        const socket = new WebSocket(target)
        socket.onopen = () => {
          opened = true
        }
        socket.onmessage = ({ data }) => heard.push(String(data))
        socket.onclose = () => resolve({ heard, opened })
        setTimeout(() => resolve({ heard, opened }), 2000)
      }),
    url,
  )
}

const names = ['127.0.0.1', 'localhost'] as const
for (const visited of names)
  for (const from of names)
    for (const to of names)
      test(`with a cookie of ${visited}, a page on another port of ${from} hears nothing at ${to}`, async context => {
        const { daemon, account, browser, hostile } = context
        const page = await browser.context.newPage()
        await signIn(page, `http://${visited}:${daemon.port}`, account)
        await page.goto(`http://${from}:${(hostile.address() as AddressInfo).port}/`)
        const outcome = await tryToHear(page, `ws://${to}:${daemon.port}/postern/v1/events`)
        assert.equal(outcome, { heard: [], opened: false })
      })

test('a page of ours on one name hears nothing by the other name', async ({ daemon, account, browser }) => {
  const page = await browser.context.newPage()
  await signIn(page, daemon.url, account)
  await signIn(page, `http://localhost:${daemon.port}`, account)
  const outcome = await tryToHear(page, `ws://127.0.0.1:${daemon.port}/postern/v1/events`)
  assert.equal(outcome, { heard: [], opened: false })
  // The very same page hears at its own place.
  const own = await tryToHear(page, `ws://localhost:${daemon.port}/postern/v1/events`)
  assert.is(own.opened && own.heard.length > 0, true)
})

test.run()
