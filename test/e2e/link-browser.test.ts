/** Login links in a real browser: a person opens one, and no page opens one for somebody else. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { openBrowser } from '../support/chromium.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite<{ daemon: Daemon; account: Account; hostile: Server; at: string }>('e2e/link-browser')

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon({ config: { insecure: { throttle_off: true } } })
  const hostile = createServer((request, response) => {
    const target = new URL(request.url ?? '/', 'http://hostile').searchParams
    response.setHeader('Content-Type', 'text/html')
    if (target.get('how') === 'redirect') response.writeHead(302, { Location: target.get('url') ?? '' })
    response.end(pageThatOpens(target.get('how') ?? '', target.get('url') ?? ''))
  })
  await new Promise<void>(resolve => hostile.listen(0, '127.0.0.1', resolve))
  context.hostile = hostile
  context.at = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`
})

test.after(async ({ daemon, account, hostile }) => {
  hostile.close()
  await daemon.remove()
  await account.remove()
})

/** Ways in which a page makes a browser open something. */
const ways = ['link', 'script', 'refresh', 'frame', 'picture', 'prefetch', 'form'] as const

function pageThatOpens(how: string, url: string): string {
  const quoted = JSON.stringify(url).replaceAll('<', '\\u003c')
  const attribute = url.replaceAll('&', '&amp;')
  const query = [...new URL(url, 'http://none').searchParams].map(
    ([name, value]) => `<input name="${name}" value="${value}">`,
  )
  const pages: Record<string, string> = {
    link: `<a id="go" href="${attribute}">go</a><script>document.getElementById('go').click()</script>`,
    script: `<script>location = ${quoted}</script>`,
    refresh: `<meta http-equiv="refresh" content="0;url=${attribute}">`,
    frame: `<iframe src="${attribute}"></iframe>`,
    picture: `<img src="${attribute}">`,
    prefetch: `<link rel="prefetch" href="${attribute}"><link rel="prerender" href="${attribute}">`,
    form: `<form method="get" action="${attribute.split('?')[0]}">${query.join('')}</form><script>document.forms[0].submit()</script>`,
  }
  return `<!doctype html><title>hostile</title>${pages[how] ?? ''}`
}

async function createLink(daemon: Daemon, user: string): Promise<string> {
  const reply = await daemon.ask('/postern/v1/tickets', { token: daemon.token(), body: { user } })
  return `${daemon.url}/login?token=${reply.json().ticket}&next=/postern/`
}

async function whoIsIn(context: BrowserContext, daemon: Daemon): Promise<string> {
  const page = await context.newPage()
  await page.goto(`${daemon.url}/postern/`)
  const text =
    new URL(page.url()).pathname === '/login' ? 'nobody' : await page.getByRole('heading', { level: 1 }).textContent()
  await page.close()
  return String(text)
}

test('a person who opens a link is in, and the address bar keeps no ticket', async ({ daemon, account }) => {
  const { context, close } = await openBrowser()
  try {
    const page = await context.newPage()
    await page.goto(await createLink(daemon, account.name))
    assert.is(page.url(), `${daemon.url}/postern/`)
    assert.is(await page.getByRole('heading', { level: 1 }).textContent(), account.name)
  } finally {
    await close()
  }
})

test('who is signed in as somebody else is asked, can stay, and can agree', async ({ daemon, account }) => {
  const { context, close } = await openBrowser({ script: false })
  try {
    const page = await context.newPage()
    await page.goto(await createLink(daemon, account.name))
    const link = await createLink(daemon, 'root')
    await page.goto(link)
    assert.is(await page.getByRole('heading', { level: 1 }).textContent(), 'Sign in as root?')
    await page.getByRole('link', { name: `Stay ${account.name}` }).click()
    assert.is(await page.getByRole('heading', { level: 1 }).textContent(), account.name)
    await page.goto(link)
    await page.getByRole('button', { name: 'Sign in as root' }).click()
    assert.is(page.url(), `${daemon.url}/postern/`)
    assert.is(await page.getByRole('heading', { level: 1 }).textContent(), 'root')
  } finally {
    await close()
  }
})

test('a site that was opened by hand and leads to a link of somebody else signs nobody in without a question', async ({
  daemon,
  account,
  at,
}) => {
  const { access_token: token } = await daemon.tokens(account.name, account.password)
  const { context, close } = await openBrowser()
  try {
    const page = await context.newPage()
    const made = await daemon.ask('/postern/v1/tickets', { token, body: {} })
    const link = `${daemon.url}/login?token=${made.json().ticket}&next=/postern/`
    await page.goto(`${at}/?${new URLSearchParams({ how: 'redirect', url: link })}`)
    assert.is(await page.getByRole('heading', { level: 1 }).textContent(), `Sign in as ${account.name}?`)
    assert.is(await whoIsIn(context, daemon), 'nobody')
    await page.getByRole('button', { name: `Sign in as ${account.name}` }).click()
    assert.is(await whoIsIn(context, daemon), account.name)
  } finally {
    await close()
  }
})

for (const host of ['127.0.0.1', 'localhost']) {
  test(`a page on ${host} that opens a link signs nobody in, and spends nothing`, async ({ daemon, at }) => {
    const { context, close } = await openBrowser()
    try {
      for (const how of ways) {
        const link = await createLink(daemon, 'root')
        const page = await context.newPage()
        const query = new URLSearchParams({ how, url: link })
        await page.goto(`${at.replace('127.0.0.1', host)}/?${query}`, { waitUntil: 'load' })
        // Whatever the page makes the browser ask has been asked when all is quiet.
        await page.waitForLoadState('networkidle')
        assert.is(await whoIsIn(context, daemon), 'nobody', how)
        assert.equal(await context.cookies(), [], how)
        await page.goto(link)
        assert.is(await whoIsIn(context, daemon), 'root', how)
        await context.clearCookies()
        await page.close()
      }
    } finally {
      await close()
    }
  })
}

test.run()
