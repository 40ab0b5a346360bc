/** The pages in Debian's Chromium, under the gate's own policy: readable, reachable, and plain forms without script. */
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { samplePages } from '../pages/sample.ts'
import { type Opened, openPages } from './pages-browser.ts'

const test = suite('pages/browser')
const ordinary = samplePages()
const attack = `"><img src=x onerror=alert(1)><script>alert(1)</script>${'x'.repeat(300)}`
const hostile = Object.fromEntries(
  Object.entries(samplePages(() => attack)).map(([name, page]) => [`hostile-${name}`, page]),
)

let opened: Opened
let plain: Opened
test.before(async () => {
  opened = await openPages({ ...ordinary, ...hostile })
  plain = await openPages(ordinary, false)
})
test.after(async () => {
  await opened.close()
  await plain.close()
})

/** In the page: texts whose contrast to what is behind them is under 4.5, and fields whose edge is under 3 (WCAG 1.4.3, 1.4.11). */
const faintTexts = `(() => {
  const colour = text => text.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0)
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05) }
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor)
      if (found[3] !== 0) return found
    }
    return [255, 255, 255]
  }
  const faint = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  let seen = 0
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.data.trim() === '') continue
    const ratio = contrast(colour(getComputedStyle(node.parentElement).color), behind(node.parentElement))
    seen += 1
    if (ratio < 4.5) faint.push(node.data.slice(0, 40) + ' ' + ratio.toFixed(2))
  }
  for (const field of document.querySelectorAll('input:not([type=hidden])')) {
    const ratio = contrast(colour(getComputedStyle(field).borderTopColor), behind(field.parentElement))
    if (ratio < 3) faint.push('edge of ' + field.name + ' ' + ratio.toFixed(2))
  }
  return { faint, seen }
})()`

test('is readable in light and dark, and the policy stops nothing', async () => {
  const page = await opened.context.newPage()
  const complaints: string[] = []
  page.on('console', message => {
    if (/^(?:error|warning)$/.test(message.type())) complaints.push(message.text())
  })
  for (const colorScheme of ['light', 'dark'] as const) {
    // The colours in between are nobody's text.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    for (const name of Object.keys(ordinary)) {
      await page.goto(opened.base + name)
      const { faint, seen } = (await page.evaluate(faintTexts)) as { faint: string[]; seen: number }
      assert.equal(faint, [], `${name} ${colorScheme}`)
      assert.ok(seen > 2, name)
      assert.is(await page.evaluate('document.styleSheets.length'), 1)
    }
  }
  assert.equal(complaints, [])
  await page.close()
})

async function assertFits(page: Page, name: string): Promise<void> {
  await page.goto(opened.base + name)
  for (const width of [320, 800, 1200]) {
    await page.setViewportSize({ width, height: 640 })
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), width, `${name} at ${width}`)
  }
}

test('fits into 320 pixels', async () => {
  const page = await opened.context.newPage()
  for (const name of Object.keys(ordinary)) await assertFits(page, name)
  await page.close()
})

test('fits, runs nothing and loads nothing more when filled by a stranger', async () => {
  const page = await opened.context.newPage()
  const asked: string[] = []
  page.on('dialog', async dialog => {
    asked.push('alert')
    await dialog.dismiss()
  })
  page.on('request', request => asked.push(new URL(request.url()).pathname))
  for (const name of Object.keys(hostile)) await assertFits(page, name)
  const foreign = asked.filter(path => !/^\/(?:hostile-|postern\/assets\/|favicon\.ico)/.test(path))
  assert.equal(foreign, [])
  await page.close()
})

test('shows where the keyboard is, at every stop', async () => {
  const page = await opened.context.newPage()
  await page.goto(`${opened.base}home`)
  const stops: string[] = []
  for (let at = 0; at < 7; at++) {
    await page.keyboard.press('Tab')
    const focus = `(() => { const e = document.activeElement; const s = getComputedStyle(e)
      return [e.textContent, s.outlineStyle, parseFloat(s.outlineWidth), e.getBoundingClientRect().top >= 0] })()`
    const [words, style, width, inView] = (await page.evaluate(focus)) as [string, string, number, boolean]
    stops.push(words.replace(/ (?:Program|Root).*/, ''))
    assert.equal([style, inView], ['solid', true], words)
    assert.ok(width >= 2, words)
  }
  assert.equal(stops, [
    'Skip to the content',
    'Home',
    'API',
    'Sign out',
    'Sign out everywhere else',
    'Sign out',
    'Sign out',
  ])
  await page.close()
})

test('posts its forms without script: name and password, answers in order, a session to end', async () => {
  const page = await plain.context.newPage()
  const posted = async (act: Promise<void>) => {
    await act
    await page.waitForURL('**/done')
  }
  await page.goto(`${plain.base}login`)
  // The focus comes to the first field by itself, a moment after the page.
  await page.locator('#user:focus').waitFor()
  await page.keyboard.type('alice')
  await page.getByLabel('Password').fill('pass & word')
  await posted(page.keyboard.press('Enter'))
  await page.goto(`${plain.base}conversation`)
  await page.getByLabel('Current password').fill('one')
  await page.getByLabel('New password').fill('two')
  await page.getByLabel('One-time code').fill('333')
  await posted(page.getByRole('button', { name: 'Continue' }).click())
  await page.goto(`${plain.base}home`)
  await posted(page.getByRole('button', { name: 'Sign out Program from' }).click())
  await page.goto(`${plain.base}home`)
  await posted(page.getByRole('button', { name: 'Sign out', exact: true }).click())
  assert.equal(plain.posts, [
    { path: '/login', body: 'next=%2Fpostern%2F%3Fa%3D1%26b%3D2&user=alice&password=pass+%26+word' },
    {
      path: '/login',
      body: 'next=%2Fpostern%2F%3Fa%3D1%26b%3D2&conversation=Zm9vYmFyYmF6&answer=one&answer=two&answer=333',
    },
    { path: '/postern/sessions/revoke', body: `id=${'B'.repeat(22)}` },
    { path: '/postern/logout', body: '' },
  ])
})

test.run()
