/** A browser behind the proxies, at / and below a path: it signs in, its page is live, and it signs out. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Browser, openBrowser } from '../support/chromium.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { startNginx } from '../support/nginx.ts'
import { fillIn, hearsEvents } from './page-drive.ts'
import { applyLines, base, printed, startWith } from './proxy-drive.ts'

interface Context {
  daemon: Daemon
  account: Account
  root: Person
  browser: Browser
}

const test = suite<Context>('e2e/proxy-browser')

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon({ config: base })
  context.root = createPerson(0, context.daemon.runtime)
  context.browser = await openBrowser()
  context.browser.context.setDefaultTimeout(5000)
})
test.after.each(({ browser }) => browser.context.clearCookies())
test.after(async ({ daemon, account, root, browser }) => {
  await browser?.close()
  root?.remove()
  await daemon?.remove()
  await account?.remove()
})

async function revoke({ root }: Context, id: string | null): Promise<void> {
  const { status, stderr } = await root.run(['call', 'session.revoke', `id=${id}`])
  assert.is(status, 0, stderr)
}

for (const proxy of ['nginx', 'caddy', 'haproxy'])
  for (const path of ['/', '/sub/'])
    test(`${proxy} at ${path}: a browser signs in, sees at once what ends elsewhere, goes about and signs out`, async context => {
      const { daemon, account, browser } = context
      const text = await printed(context, [proxy, '--path', path, '--address'])
      await applyLines(context, text)
      const front = await startWith(proxy, text)
      const at = front.url + path
      try {
        const page = await browser.context.newPage()
        const failed: string[] = []
        page.on('response', response => response.status() >= 400 && failed.push(response.url()))
        const other = (await daemon.tokens(account.name, account.password)).session.id
        await page.goto(at.slice(0, -1))
        assert.is(page.url(), `${at}login?next=%2Fpostern%2F`)
        const [stream] = await Promise.all([hearsEvents(page), fillIn(page, account)])
        assert.is(page.url(), `${at}postern/`)
        assert.is(await page.getByRole('heading', { level: 1 }).textContent(), account.name)
        assert.is(stream, `ws${at.slice(4)}postern/v1/events?kinds=session`)
        await revoke(context, other)
        await page.locator(`[data-session="${other}"]`).waitFor({ state: 'detached', timeout: 1000 })
        await revoke(context, await page.locator('tr.current').getAttribute('data-session'))
        await page.waitForURL(`${at}login?next=%2Fpostern%2F`, { timeout: 2000 })
        await fillIn(page, account)
        assert.is(page.url(), `${at}postern/`)
        await page.getByRole('link', { name: 'API' }).click()
        assert.is(page.url(), `${at}postern/docs`)
        assert.ok((await page.locator('pre').first().textContent())?.includes(`${at}postern/v1/`))
        await page.getByRole('button', { name: 'Sign out' }).click()
        assert.is(page.url(), `${at}login`)
        assert.equal(await browser.context.cookies(), [])
        assert.equal(failed, [])
      } finally {
        await front.remove()
      }
    })

test('a proxy that hides what it was asked gets no stream, and the page says so', async ({
  daemon,
  account,
  browser,
}) => {
  // Without a Host of its own nginx names the upstream's: the page's Origin is another then.
  const front = await startNginx(`location / { proxy_pass ${daemon.url}; proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection; }`)
  try {
    const page = await browser.context.newPage()
    await page.goto(`${front.url}/login?next=/postern/`)
    await fillIn(page, account)
    assert.is(page.url(), `${front.url}/postern/`)
    const said = page.getByRole('status').filter({ hasText: 'This page is not live' })
    await said.waitFor()
    assert.match(daemon.log(), new RegExp(`origin_foreign.*Origin.*:${front.port}`))
    await Promise.all([page.waitForEvent('load'), said.getByRole('link', { name: 'Reload' }).click()])
  } finally {
    await front.remove()
  }
})

test.run()
