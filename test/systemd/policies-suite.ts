/** The policies of scripts/kiosk/policies by themselves, line by line, in a browser that postern did not start. */
import { setTimeout as pause } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BrowserName, home, KioskBrowser, type Page } from './kiosk-browser.ts'
import { otherLines, type PolicyWay, policyWays, windowsOf } from './policy-ways.ts'

/** Two fields, with a word to copy or to drag from the first. */
const fields = `
const place = 'style="position: fixed; left: 200px; width: 300px; height: 60px; font-size: 40px; top: '
document.body.insertAdjacentHTML('beforeend', '<input id=from value=word ' + place + '200px">' + '<input id=to ' + place + '400px">')
to.oninput = () => say('brought ' + to.value)
from.focus()
from.select()`
const sites = ['--site', 'http://site.test:7642', '--site', 'http://path.test:7642/shop']

/** At the page as it was, in the same browser if it still has one window. */
async function returnHome(kiosk: KioskBrowser, page: Page): Promise<void> {
  const isAsBefore = () => {
    const { width, height } = kiosk.seen().page
    return kiosk.isHome() && width === page.width && height === page.height
  }
  // A menu is open, or a box.
  if (!isAsBefore()) kiosk.screen.press('Escape', 'Escape')
  if (windowsOf(kiosk).length !== 1) return kiosk.open('--bare')
  if (!kiosk.isHome()) await kiosk.visit(`${home}?`)
  for (let left = 20; left > 0 && !isAsBefore(); left--) await pause(100)
  if (!isAsBefore()) return kiosk.open('--bare')
  kiosk.forget()
  await kiosk.untilHome()
}

/** Tries it, at the page. */
async function tryWay(kiosk: KioskBrowser, { words, ...way }: PolicyWay, page: Page): Promise<void> {
  if (words === undefined) await returnHome(kiosk, page)
  else await kiosk.start('--bare', ...words)
  await way.try(kiosk)
}

/** Tries it anew every 5 s until that is so: a browser that has just opened passes over keys. */
async function retryUntil(kiosk: KioskBrowser, way: PolicyWay, page: Page, isSo: () => boolean): Promise<void> {
  const startMs = performance.now()
  for (let tries = 1; !isSo(); await pause(100)) {
    if (way.words !== undefined || performance.now() - startMs < tries * 5000) continue
    tries++
    await tryWay(kiosk, way, page)
  }
}

/** Runs all tests with that browser, or the `nth` of so many parts: a file has its time limit. */
export function testPolicies(name: BrowserName, { nth, of } = { nth: 0, of: 1 }): void {
  const test = suite<{ kiosk: KioskBrowser; page: Page }>(`kiosk-policies-alone ${name}`)
  const all = policyWays[name]
  const ways = all.filter((_way, at) => at % of === nth)
  /** How long each took to lead out where it was open, in milliseconds. */
  const took = new Map<PolicyWay, number>()

  test.before(async context => {
    const kiosk = await KioskBrowser.boot(name)
    context.kiosk = kiosk
    kiosk.installPolicies('--remove')
    await kiosk.open('--bare')
    context.page = kiosk.seen().page
  })
  test.after(async ({ kiosk }) => kiosk?.machine.remove())

  // What shows that it was refused was tried for certain: only the others need an open way to be believed.
  for (const way of ways.filter(({ shows }) => shows === undefined))
    test(`is a way out without policies: ${way.name}`, async ({ kiosk, page }) => {
      await tryWay(kiosk, way, page)
      const startMs = performance.now()
      await retryUntil(kiosk, way, page, () => {
        assert.ok(performance.now() - startMs < 20_000, kiosk.titles())
        return way.leadsOut(kiosk, page)
      })
      took.set(way, performance.now() - startMs)
      // The page would be in two tabs, and one take from the other what it is to do.
      if (way.line.startsWith('autoconfig')) await kiosk.open('--bare')
    })

  test('each line closes one of them', async ({ kiosk }) => {
    kiosk.installPolicies(...sites)
    await kiosk.open('--bare')
    const tried = new Set([...all.map(({ line }) => line), ...Object.keys(otherLines)])
    assert.equal(
      kiosk.policyLines().filter(line => !tried.has(line)),
      [],
    )
  })

  for (const way of ways)
    test(`${way.line} closes: ${way.name}`, async ({ kiosk, page }) => {
      await tryWay(kiosk, way, page)
      const { shows } = way
      if (shows !== undefined) await kiosk.until(`it shows ${shows}`, () => shows.test(kiosk.titles()))
      // Twice as long as it took when it was open; what is shown instead is there already.
      const endMs = performance.now() + 300 + 2 * (took.get(way) ?? 0)
      await retryUntil(kiosk, way, page, () => {
        assert.not(way.leadsOut(kiosk, page), kiosk.titles())
        return performance.now() > endMs
      })
      if (way.words !== undefined && shows === undefined) {
        await kiosk.untilHome()
        assert.not(way.leadsOut(kiosk, page))
      }
      assert.is(windowsOf(kiosk).length, 1, kiosk.titles())
      assert.is(kiosk.loot(), '')
    })

  for (const url of ['http://site.test:7642/', 'http://path.test:7642/shop/1'])
    test(`--site opens ${url}`, async ({ kiosk, page }) => {
      await returnHome(kiosk, page)
      await kiosk.visit(url)
      await kiosk.until('it is shown', () => /^The other site/.test(kiosk.titles()))
    })

  // What closes downloads in Firefox would ask for the clipboard and for drags as well, and nobody answers.
  test('the clipboard stays open', async ({ kiosk, page }) => {
    await returnHome(kiosk, page)
    await kiosk.act(fields)
    await pause(300)
    kiosk.screen.press('ctrl+c')
    await pause(300)
    kiosk.screen.press('Tab', 'ctrl+v')
    await kiosk.until('it is pasted', () => kiosk.seen().said.includes('brought word'))
  })

  if (name === 'firefox')
    test('what is dragged may be dropped', async ({ kiosk, page }) => {
      await kiosk.open('--bare')
      await kiosk.act(fields)
      await pause(300)
      // The page begins below the bars.
      const top = 800 - page.height
      kiosk.screen.do('mousemove', '240', String(top + 230), 'mousedown', '1')
      for (const y of [240, 280, 320, 360, 400, 430]) {
        await pause(100)
        kiosk.screen.do('mousemove', '260', String(top + y))
      }
      kiosk.screen.do('mouseup', '1')
      await kiosk.until('it is dropped', () => kiosk.seen().said.includes('brought word'))
    })

  test('--printing opens printing', async ({ kiosk, page }) => {
    kiosk.installPolicies(...sites, '--printing')
    await kiosk.open('--bare')
    for (const way of all.filter(({ line }) => line === 'PrintingEnabled')) {
      await tryWay(kiosk, way, page)
      await kiosk.until(way.name, () => way.leadsOut(kiosk, page))
    }
  })

  test.run()
}
