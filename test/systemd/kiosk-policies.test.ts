/** The ways out of a kiosk, tried one after the other in the real browsers, with the policies of scripts/kiosk/policies in force. */
import { setTimeout as pause } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BrowserName, KioskBrowser } from './kiosk-browser.ts'

interface Way {
  readonly name: string
  readonly try: (kiosk: KioskBrowser) => Promise<void> | void
  readonly only?: BrowserName
  /** What the screen shows then; the page itself, as it was, when left out. */
  readonly shows?: RegExp
  /** The browser may say that it is not allowed, in a bar or a box over the page. */
  readonly covers?: true
  /** How many windows there are then; one when left out. */
  readonly windows?: number
}

const press =
  (...keys: string[]) =>
  ({ screen }: KioskBrowser) =>
    screen.press(...keys)

/** Types an address into whatever these keys have opened. */
const goTo =
  (address: string, ...keys: string[]) =>
  async ({ screen }: KioskBrowser) => {
    screen.press(...keys)
    await pause(500)
    screen.type(`${address}\n`)
  }

const stranger = 'http://127.0.0.1:7641/'
/** The browser's own page that says no: Chromium's has the host's name for a title. */
const no = /^(Problem loading page|Blocked Page|127\.0\.0\.1)\b/
const openStranger = (kiosk: KioskBrowser) => kiosk.act(`open('${stranger}', '_blank')`)
const ways: readonly Way[] = [
  { name: 'a new window by its key', try: press('ctrl+n') },
  { name: 'a private window by its key', try: press('ctrl+shift+p', 'ctrl+shift+n') },
  { name: 'a new tab by its key', try: press('ctrl+t') },
  { name: 'a closed window called back', try: press('ctrl+shift+t') },
  { name: 'leaving full screen', try: press('F11', 'Escape') },
  { name: 'the menu bar and the menu', try: press('F10', 'alt+f', 'alt+e', 'Escape') },
  { name: 'developer tools by F12', try: press('F12') },
  {
    name: 'developer tools by their keys',
    try: press('ctrl+shift+i', 'ctrl+shift+c', 'ctrl+shift+j', 'ctrl+shift+k'),
    covers: true,
  },
  { name: 'the source of the page', try: press('ctrl+u') },
  { name: 'the extensions page', try: press('ctrl+shift+a') },
  { name: 'downloads and history', try: press('ctrl+j', 'ctrl+shift+y', 'ctrl+h', 'ctrl+shift+h', 'ctrl+shift+o') },
  { name: 'the task manager and help', try: press('shift+Escape', 'F1', 'Escape') },
  { name: 'opening a file by its key', try: press('ctrl+o') },
  { name: 'saving the page', try: press('ctrl+s') },
  { name: 'printing', try: press('ctrl+p') },
  { name: 'the context menu', try: ({ screen }) => screen.click(640, 400, 3) },
  { name: 'a stranger typed into the address bar', try: goTo(stranger, 'ctrl+l') },
  { name: 'a stranger typed into a new tab', try: goTo(stranger, 'ctrl+t', 'ctrl+l') },
  { name: 'a file typed into a new tab', try: goTo('file:///srv/escape.html', 'ctrl+t', 'ctrl+l') },
  { name: "settings typed after the bars' keys", try: goTo('about:preferences', 'F6') },
  { name: 'the settings typed into a new tab', try: goTo('about:config', 'ctrl+t', 'ctrl+l') },
  {
    name: 'a link by the middle button',
    try: kiosk => kiosk.clickLink(2),
    only: 'firefox',
  },
  ...[['shift'], ['ctrl'], ['ctrl', 'shift']].map(keys => ({
    name: `a link with ${keys.join(' and ')} held`,
    try: (kiosk: KioskBrowser) => kiosk.clickLink(1, ...keys),
    covers: true as const,
  })),
  {
    name: 'a window by script, which Firefox opens in its only tab',
    try: kiosk => kiosk.act(`open('/other', '_blank', 'width=300,height=300')`),
    only: 'firefox',
    shows: /^Another page/,
  },
  { name: "a stranger's window by script", try: openStranger, only: 'firefox', shows: no },
  { name: "a stranger's window by script, which is closed", try: openStranger, only: 'chromium' },
  { name: 'a stranger by a link', try: kiosk => kiosk.act(`location.href = '${stranger}'`), shows: no },
  { name: 'a stranger by way of an allowed redirect', try: kiosk => kiosk.act(`location.href = '/away'`), shows: no },
  { name: 'a stranger in a frame', try: kiosk => kiosk.act(`document.querySelector('iframe').src = '${stranger}'`) },
  { name: 'a file by a link', try: kiosk => kiosk.act(`location.href = 'file:///srv/escape.html'`) },
  { name: 'a source by a link', try: kiosk => kiosk.act(`location.href = 'view-source:http://127.0.0.1:7640/other'`) },
  { name: 'a download by a link', try: kiosk => kiosk.act(`location.href = '/loot'`) },
  {
    name: 'a download by script',
    try: kiosk =>
      kiosk.act(
        `const a = document.createElement('a'); a.href = URL.createObjectURL(new Blob(['x'])); a.download = 'loot.txt'; a.click()`,
      ),
  },
  {
    name: 'a choice of files',
    try: kiosk => kiosk.act(`const i = document.createElement('input'); i.type = 'file'; i.click()`),
    covers: true,
  },
  { name: 'an extension by a link', try: kiosk => kiosk.act(`location.href = '/loot.xpi'`), only: 'firefox' },
]

for (const name of ['firefox', 'chromium'] as const) {
  const test = suite<{ kiosk: KioskBrowser; height: number }>(`kiosk-policies ${name}`)

  test.before(async context => {
    context.kiosk = await KioskBrowser.boot(name)
    await context.kiosk.open()
    context.height = context.kiosk.seen().page.height
  })
  test.after(async ({ kiosk }) => kiosk?.machine.remove())

  test('the page has the whole screen', ({ height }) => assert.is(height, 800))

  for (const way of ways.filter(({ only }) => only === undefined || only === name)) {
    test(`is no way out: ${way.name}`, async ({ kiosk, height }) => {
      try {
        await way.try(kiosk)
        await pause(700)
        const { shows } = way
        // A busy machine takes a while to show that page.
        if (shows !== undefined) await kiosk.until(`it shows ${shows}`, () => shows.test(kiosk.titles()))
        const titles = kiosk.screen.titles()
        assert.is(titles.length, way.windows ?? 1, titles.join('\n'))
        assert.match(titles.join('\n'), shows ?? /^The kiosk\b/)
        const { strangers, page } = kiosk.seen()
        assert.equal(strangers, [])
        assert.is(kiosk.loot(), '')
        if (shows !== undefined) return
        assert.ok(page.agoMs < 1000, `the page is gone since ${page.agoMs} ms`)
        assert.ok(way.covers ? page.height > 0.9 * height : page.height === height, `${page.height} of ${height} lines`)
      } finally {
        if (way.shows !== undefined || way.covers) await kiosk.open()
      }
    })
  }

  test('printing is possible where it is wanted', async ({ kiosk }) => {
    kiosk.installPolicies('--printing')
    await kiosk.open()
    await kiosk.act('print()')
    await kiosk.until('its box has the keys', () => !kiosk.hasKeys())
    await pause(1500)
    assert.not(kiosk.hasKeys())
    // Beside the sheet it is grey; a page that says no is white.
    assert.is.not(kiosk.screen.colour(200, 500), '#FFFFFF')
  })

  test.run()
}
