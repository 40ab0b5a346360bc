/** A hostile page in a real browser, next to somebody who is signed in: whatever it posts, frames or renames, nothing passes. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Frame, Page, Request } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Browser, openBrowser } from '../support/chromium.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

interface Context {
  daemon: Daemon
  victim: Account
  attacker: Account
  hostile: Server
  port: number
  browser: Browser
}

type Fields = Readonly<Record<string, string | boolean>>

const test = suite<Context>('e2e/hostile-page')

const sandbox = 'allow-scripts allow-forms allow-popups allow-top-navigation'

test.before(async context => {
  context.victim = await createAccount({ groups: ['sudo'] })
  context.attacker = await createAccount({ groups: ['sudo'] })
  context.daemon = await startDaemon({ config: { insecure: { throttle_off: true } } })
  context.hostile = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html')
    const { searchParams } = new URL(request.url ?? '/', 'http://hostile')
    const framed = searchParams.get('frame')
    response.end(`<!doctype html><title>hostile</title><body>${framed === null ? '' : frames(framed)}`)
  })
  await new Promise<void>(resolve => context.hostile.listen(0, '127.0.0.1', resolve))
  context.port = (context.hostile.address() as AddressInfo).port
  context.browser = await openBrowser({ names: true })
  context.browser.context.setDefaultTimeout(5000)
})

test.after(async ({ daemon, victim, attacker, hostile, browser }) => {
  await browser?.close()
  hostile?.closeAllConnections()
  hostile?.close()
  await daemon?.remove()
  await victim?.remove()
  await attacker?.remove()
})

test.before.each(async ({ browser, daemon, victim }) => {
  await browser.context.clearCookies()
  const page = await browser.context.newPage()
  await signIn(page, daemon, victim)
  await leave(page)
})

/** Closes a page. One that is on its way to another is now and then never said to be closed; it goes with the browser. */
async function leave(page: Page): Promise<void> {
  await page.waitForLoadState('load').catch(() => {})
  await Promise.race([page.close(), new Promise(resolve => setTimeout(resolve, 3000))])
}

async function signIn(page: Page, daemon: Daemon, { name, password }: Account): Promise<void> {
  await page.goto(`${daemon.url}/login?next=/postern/`)
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  assert.is(page.url(), `${daemon.url}/postern/`)
}

function frames(url: string): string {
  if (url === 'sandbox') return `<iframe sandbox="${sandbox}" srcdoc="<body>"></iframe>`
  return `<iframe src="${url}"></iframe><object data="${url}"></object><embed src="${url}">`
}

/** What a page can do with a form's fields, in the browser; `fields` may be sent as JSON too. */
const attackSource = `({ how, url, fields }) => {
  const json = JSON.stringify(fields)
  const post = enctype => {
    const form = document.body.appendChild(document.createElement('form'))
    Object.assign(form, { method: 'post', action: url, enctype })
    const pairs = enctype === 'text/plain'
      ? [[json.replace(/}$/, (json === '{}' ? '' : ',') + '"ignored":"'), '"}']]
      : Object.entries(fields)
    for (const [name, value] of pairs)
      Object.assign(form.appendChild(document.createElement('input')), { name, value: String(value) })
    HTMLFormElement.prototype.submit.call(form)
  }
  const send = (mode, type, body) =>
    void fetch(url, { method: 'POST', mode, credentials: 'include', headers: { 'Content-Type': type }, body }).catch(() => {})
  const form = new URLSearchParams(Object.entries(fields).map(([name, value]) => [name, String(value)]))
  const ways = {
    'a form': () => post('application/x-www-form-urlencoded'),
    'a multipart form': () => post('multipart/form-data'),
    'a form of plain text that reads as JSON': () => post('text/plain'),
    'fetch with a form': () => send('no-cors', 'application/x-www-form-urlencoded', form),
    'fetch with JSON called text': () => send('no-cors', 'text/plain', json),
    'fetch with JSON': () => send('cors', 'application/json', json),
    'a beacon of JSON called text': () => void navigator.sendBeacon(url, new Blob([json], { type: 'text/plain' })),
    'a beacon of a form': () => void navigator.sendBeacon(url, form),
    'fetch without a content type': () =>
      void fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body: new Blob([json]) }).catch(() => {}),
  }
  ways[how]()
}`

/** These leave the page for the answer, those stay on it. */
const forms = ['a form', 'a multipart form', 'a form of plain text that reads as JSON'] as const
const fetches = [
  'fetch with a form',
  'fetch with JSON called text',
  'fetch with JSON',
  'fetch without a content type',
  'a beacon of JSON called text',
  'a beacon of a form',
] as const

async function attack(page: Page, from: Page | Frame, how: string, url: string, fields: Fields): Promise<void> {
  const isIt = (request: Request) => request.url() === url && request.method() === 'POST'
  const isForm = forms.some(form => form === how)
  // Answered, or kept back by the browser itself; after a form the page is another one.
  const done = Promise.race([
    isForm
      ? page.waitForEvent('requestfinished', { predicate: isIt })
      : page.waitForEvent('response', { predicate: response => isIt(response.request()) }),
    page.waitForEvent('requestfailed', { predicate: isIt }),
  ])
  await from.evaluate(`(${attackSource})(${JSON.stringify({ how, url, fields })})`)
  await done
}

/** What a page would want from us, for somebody who is signed in and for an account of its own. */
async function targets({ daemon, attacker }: Context): Promise<[path: string, fields: Fields][]> {
  const { name: user, password } = attacker
  const created = await daemon.ask('/postern/v1/tickets', { token: daemon.token(), body: { user, ttl_seconds: 600 } })
  return [
    ['/login', { user, password, next: '/' }],
    ['/login/link', { token: String(created.json().ticket), next: '/' }],
    ['/postern/v1/login', { user, password, cookie: true }],
    ['/postern/v1/tickets', { user: 'root' }],
    ['/postern/v1/sessions/revoke', {}],
    ['/postern/v1/logout', {}],
    ['/postern/sessions/revoke-others', {}],
    ['/postern/logout', {}],
  ]
}

interface State {
  readonly sessions: string[]
  readonly cookies: string[]
}

/** Which sessions there are, and which cookies the browser holds. */
async function look({ daemon, browser }: Context): Promise<State> {
  const reply = await daemon.ask('/postern/v1/sessions?everyone=true&limit=200', { token: daemon.token() })
  const { items } = reply.json() as { items: { id: string }[] }
  const cookies = await browser.context.cookies()
  return { sessions: items.map(({ id }) => id).sort(), cookies: cookies.map(({ name, value }) => name + value).sort() }
}

/** Every way to every target, from what `open` opens; nothing may have changed after any of them. */
async function attackAll(
  context: Context,
  page: Page,
  open: () => Promise<Page | Frame>,
  url: string,
  before: State,
  only: readonly string[] | null = null,
): Promise<void> {
  const all = (await targets(context)).filter(([path]) => only === null || only.includes(path))
  const from = await open()
  for (const [path, fields] of all)
    for (const how of fetches) {
      await attack(page, from, how, url + path, fields)
      assert.equal(await look(context), before, `${how} to ${path}`)
    }
  for (const [path, fields] of all)
    for (const how of forms) {
      await attack(page, await open(), how, url + path, fields)
      assert.equal(await look(context), before, `${how} to ${path}`)
    }
}

/** A login as somebody else and a logout, by page and by API: where the browser sends no cookie, the rest says nothing new. */
const telling = ['/login', '/postern/v1/login', '/postern/logout', '/postern/v1/logout']

const places = [
  { name: 'another port', at: '127.0.0.1', frame: '' },
  { name: 'another name of this machine', at: 'localhost', frame: '' },
  { name: 'another site', at: 'hostile.example', frame: '' },
  { name: 'a sandboxed frame at another port, whose origin is null', at: '127.0.0.1', frame: 'sandbox' },
  { name: 'a sandboxed frame of another site', at: 'hostile.example', frame: 'sandbox' },
]

for (const { name, at, frame } of places)
  test(`nothing that a page of ${name} posts changes anything`, async context => {
    const { daemon, browser, port } = context
    const before = await look(context)
    assert.is(before.cookies.length, 1)
    const page = await browser.context.newPage()
    const open = async () => {
      const url = `http://${at}:${port}/${frame && `?frame=${frame}`}`
      // The answer to a form may still be on its way into the page.
      await page.goto(url).catch(() => page.goto(url))
      const from = frame === '' ? page : page.frames()[1]
      if (from === undefined) throw new Error('there is no frame')
      return from
    }
    await attackAll(context, page, open, daemon.url, before, at === '127.0.0.1' ? null : telling)
    await leave(page)
  })

test('the very same requests from a page of ours do pass: they are no blanks', async context => {
  const { daemon, browser } = context
  const all = await targets(context)
  const passed = async (how: string, path: string) => {
    const page = await browser.context.newPage()
    await page.goto(`${daemon.url}/postern/`)
    const before = await look(context)
    const [, fields] = all.find(([target]) => target === path) ?? []
    await attack(page, page, how, daemon.url + path, fields ?? {})
    const hasChanged = async () => JSON.stringify(await look(context)) !== JSON.stringify(before)
    for (let round = 0; round < 100 && !(await hasChanged()); round += 1) await page.waitForTimeout(50)
    assert.ok(await hasChanged(), `${how} to ${path}`)
    await leave(page)
  }
  await passed('a form', '/login')
  await passed('fetch with JSON', '/postern/v1/login')
  await passed('fetch with JSON', '/postern/v1/logout')
  await passed('a form', '/login/link')
  await passed('a form', '/postern/logout')
})

for (const { name, at } of places.slice(0, 3))
  test(`no page of ours is shown within a page of ${name}`, async ({ daemon, browser, port }) => {
    const page = await browser.context.newPage()
    for (const path of ['/login', '/postern/', '/postern/docs', '/nothing', '/postern/v1/me']) {
      const shown: string[] = []
      page.on('framenavigated', framed => framed.parentFrame() !== null && shown.push(framed.url()))
      await page.goto(`http://${at}:${port}/?frame=${encodeURIComponent(daemon.url + path)}`)
      await page.waitForLoadState('networkidle')
      assert.ok(page.frames().length > 1, path)
      for (const framed of page.frames().slice(1)) {
        assert.not.match(framed.url(), /^http/, path)
        assert.is(await framed.getByRole('main').count(), 0, path)
      }
      assert.equal(
        shown.filter(url => url.startsWith('http')),
        [],
        path,
      )
    }
    await leave(page)
  })

test('a name that was made to point here reads nothing and changes nothing', async context => {
  const { daemon, browser } = context
  const rebound = `http://rebind.example:${daemon.port}`
  // As the attacker's own server gave it, before the name was pointed here.
  await browser.context.route(`${rebound}/attack`, route =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>hostile</title><body>' }),
  )
  const before = await look(context)
  const page = await browser.context.newPage()
  const open = async () => {
    await page.goto(`${rebound}/attack`).catch(() => page.goto(`${rebound}/attack`))
    return page
  }
  await attackAll(context, page, open, rebound, before, telling)
  await page.goto(`${rebound}/attack`)
  for (const path of ['/', '/login', '/ping', '/postern/v1/me', '/.well-known/jwks.json', '/postern/v1/openapi.json'])
    assert.is(await page.evaluate(`fetch(${JSON.stringify(path)}).then(answer => answer.status)`), 421, path)
  for (const name of ['rebind.example', '127.0.0.1.example', 'localhost.example']) {
    const answer = await page.goto(`http://${name}:${daemon.port}/postern/`)
    assert.is(answer?.status(), 421, name)
  }
  await leave(page)
})

test.run()
