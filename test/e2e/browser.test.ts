/** The pages of a real daemon in a real browser: sign in, see who you are, sign out; with scripts and without. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { openBrowser } from '../support/chromium.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite<{ daemon: Daemon; account: Account }>('e2e/browser')

const oathKey = '3132333435363738393031323334353637383930'
const oathFile = `/tmp/postern-test-oath-${process.pid}`

test.before(async context => {
  context.account = await createAccount({ groups: ['sudo'] })
  writeFileSync(oathFile, `HOTP ${context.account.name} - ${oathKey}\n`, { mode: 0o600 })
  const config = { login: { failure_delay_seconds: 0.5 }, insecure: { throttle_off: true } }
  context.daemon = await startDaemon({ config })
})

test.after(async ({ daemon, account }) => {
  await daemon.remove()
  await account.remove()
  execFileSync('rm', ['-f', oathFile])
})

async function signIn(page: Page, daemon: Daemon, user: string, password: string, path = '/login'): Promise<void> {
  await page.goto(daemon.url + path)
  await page.getByLabel('Name').fill(user)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

for (const script of [true, false]) {
  const how = script ? 'with scripts' : 'without scripts'

  test(`signs in, shows who that is and signs out, ${how}`, async ({ daemon, account }) => {
    const { context, close } = await openBrowser({ script })
    try {
      const page = await context.newPage()
      await page.goto(daemon.url)
      assert.is(new URL(page.url()).pathname, '/login')
      await signIn(page, daemon, account.name, 'not the password')
      assert.match(String(await page.getByRole('alert').textContent()), /did not work/)
      assert.is(await page.getByLabel('Name').inputValue(), account.name)
      await signIn(page, daemon, account.name, account.password)
      assert.is(page.url(), `${daemon.url}/postern/`)
      const text = String(await page.getByRole('main').textContent())
      assert.ok(text.includes(account.name) && text.includes('admin') && text.includes('this one'), text)
      const [cookie, ...others] = await context.cookies()
      assert.is(others.length, 0)
      assert.is(cookie?.name, `postern-${daemon.port}`)
      assert.ok(cookie?.httpOnly)
      assert.is(cookie?.sameSite, 'Strict')
      assert.is(cookie?.path, '/')
      await page.getByRole('button', { name: 'Sign out', exact: true }).click()
      assert.is(new URL(page.url()).pathname, '/login')
      assert.equal(await context.cookies(), [])
      await page.goto(`${daemon.url}/postern/`)
      assert.is(new URL(page.url()).pathname, '/login')
    } finally {
      await close()
    }
  })
}

test('the pages are dressed, the ones for refusals too, and nothing they ask for is refused', async ({ daemon }) => {
  const { context, close } = await openBrowser()
  try {
    const page = await context.newPage()
    const failed: string[] = []
    page.on('console', message => message.type() === 'error' && failed.push(message.text()))
    page.on(
      'response',
      response => response.status() >= 400 && response.url().includes('/assets/') && failed.push(response.url()),
    )
    for (const path of ['/login', '/postern/docs', '/postern/no-such-page']) {
      await page.goto(daemon.url + path)
      const styled = () =>
        (globalThis as unknown as { document: { styleSheets: { cssRules: unknown[] }[] } }).document.styleSheets[0]
          ?.cssRules.length
      assert.ok(Number(await page.evaluate(styled)) > 10, path)
    }
    assert.equal(
      failed.filter(text => !text.includes('404')),
      [],
    )
  } finally {
    await close()
  }
})

test('a session that another browser ended is over at the next click', async ({ daemon, account }) => {
  const { context, close } = await openBrowser({ script: false })
  try {
    const page = await context.newPage()
    await signIn(page, daemon, account.name, account.password, '/login?next=/postern/docs')
    assert.is(page.url(), `${daemon.url}/postern/docs`)
    const token = daemon.token()
    const sessions = (await daemon.ask(`/postern/v1/sessions?user=${account.name}`, { token })).json().items as {
      id: string
    }[]
    for (const { id } of sessions)
      assert.is((await daemon.ask(`/postern/v1/sessions/${id}`, { method: 'DELETE', token })).status, 200)
    await page.goto(`${daemon.url}/postern/`)
    assert.is(new URL(page.url()).pathname, '/login')
  } finally {
    await close()
  }
})

test('a login that asks for more asks on a page of its own', async ({ account }) => {
  const pam = [
    'auth requisite pam_unix.so',
    `auth required pam_oath.so usersfile=${oathFile} window=10`,
    'account required pam_permit.so',
  ]
  const daemon = await startDaemon({ pam })
  const { context, close } = await openBrowser({ script: false })
  try {
    const page = await context.newPage()
    await signIn(page, daemon, account.name, account.password)
    const code = execFileSync('oathtool', ['-c', '0', oathKey], { encoding: 'utf8' }).trim()
    await page.getByLabel('One-time password').fill(code)
    await page.getByRole('button').first().click()
    assert.is(page.url(), `${daemon.url}/postern/`)
  } finally {
    await close()
    await daemon.remove()
  }
})

test('no script can read the cookie, and nothing inline runs', async ({ daemon, account }) => {
  const { context, close } = await openBrowser()
  try {
    const page = await context.newPage()
    await signIn(page, daemon, account.name, account.password)
    assert.is(
      await page.evaluate(() => (globalThis as unknown as { document: { cookie: string } }).document.cookie),
      '',
    )
    const ran = await page.evaluate(() => {
      const { document } = globalThis as unknown as {
        document: { createElement(n: string): { textContent: string }; body: { append(e: unknown): void } }
      }
      const script = document.createElement('script')
      try {
        script.textContent = 'globalThis.ran = true'
        document.body.append(script)
      } catch {
        // Trusted Types refuse it before the policy does.
      }
      return (globalThis as unknown as { ran?: boolean }).ran === true
    })
    assert.is(ran, false)
  } finally {
    await close()
  }
})

test('a page of another origin cannot sign a visitor in or out', async ({ daemon, account }) => {
  const hostile = createServer((_request, response) => {
    const fields = `<input name="user" value="${account.name}"><input name="password" value="${account.password}">`
    const form = (id: string, action: string) =>
      `<form id="${id}" method="post" action="${daemon.url}${action}">${fields}</form>`
    response.writeHead(200, { 'Content-Type': 'text/html' })
    response.end(`${form('in', '/login')}${form('out', '/postern/logout')}`)
  }).listen(0, '127.0.0.1')
  const { context, close } = await openBrowser()
  try {
    const address = hostile.address()
    const page = await context.newPage()
    const submit = async (id: string) => {
      await page.goto(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`)
      await Promise.all([
        page.waitForNavigation(),
        page.evaluate(
          form =>
            (globalThis as unknown as { document: { getElementById(i: string): { submit(): void } } }).document
              .getElementById(form)
              .submit(),
          id,
        ),
      ])
    }
    await submit('in')
    assert.equal(await context.cookies(daemon.url), [])
    assert.match(String(await page.getByRole('main').textContent()), /another site/)
    await signIn(page, daemon, account.name, account.password)
    await submit('out')
    await page.goto(`${daemon.url}/postern/`)
    assert.is(page.url(), `${daemon.url}/postern/`)
  } finally {
    await close()
    hostile.close()
  }
})

test.run()
