/** The ways out of a kiosk, tried one after the other in the real browsers, with the policies of scripts/kiosk/policies in force. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bootMachine, type Machine, tree } from '../support/machine.ts'
import { display, MachineScreen } from './screen.ts'

type BrowserName = 'firefox' | 'chromium'

/** What the page's server has seen. */
interface Seen {
  /** Requests that reached the site that is not allowed. */
  readonly strangers: string[]
  /** Whether the page has been given what it is to do. */
  readonly isTaken: boolean
  /** The page's last words: whether it is to be seen, and how much of the screen is its own. */
  readonly page: { readonly visible: boolean; readonly height: number; readonly agoMs: number }
}

const node = '/usr/lib/postern/node'
const helper = join(tree, 'test/systemd/kiosk-site.ts')

/** A browser at a page of the kiosk, in a machine. */
class Kiosk {
  readonly #machine: Machine
  readonly #name: BrowserName
  readonly screen: MachineScreen
  #browser: ChildProcess | null = null

  constructor(machine: Machine, screen: MachineScreen, name: BrowserName) {
    this.#machine = machine
    this.screen = screen
    this.#name = name
  }

  /** Opens the page anew, in a fresh browser. */
  async open(path = '/'): Promise<void> {
    await this.close()
    const open = [node, join(tree, 'test/support/open-page.ts'), this.#name, `http://127.0.0.1:7640${path}`]
    this.#machine.must('curl -s http://127.0.0.1:7640/reset')
    this.#browser = this.#machine.spawn(['env', `DISPLAY=${display}`, ...open], { user: 'kiosk' })
    await this.until(() => this.seen().page.visible && this.screen.titles().some(title => /The kiosk/.test(title)))
  }

  async close(): Promise<void> {
    const browser = this.#browser
    this.#browser = null
    if (browser === null || browser.exitCode !== null) return
    const ended = new Promise(resolve => browser.once('exit', resolve))
    this.#machine.run("pkill -TERM -u kiosk -f '[o]pen-page.ts'")
    await ended
  }

  seen(): Seen {
    return JSON.parse(this.#machine.must('curl -s http://127.0.0.1:7640/seen')) as Seen
  }

  /** Has the page do this at the next click, and clicks. */
  async act(script: string): Promise<void> {
    this.#machine.must(['curl', '-s', '--data-binary', script, 'http://127.0.0.1:7640/script'])
    await this.until(() => this.seen().isTaken)
    await pause(300)
    this.screen.click(640, 400)
  }

  async until(isSo: () => boolean): Promise<void> {
    for (const end = performance.now() + 20_000; performance.now() < end; await pause(100)) if (isSo()) return
    throw new Error(`not within 20 s: ${isSo}\n${this.screen.titles()}\n${JSON.stringify(this.seen())}`)
  }

  /** Files that a page brought into the kiosk user's directories. */
  loot(): string {
    return this.#machine.must("find /dev/shm /home /tmp /root -name '*loot*'")
  }
}

interface Way {
  readonly name: string
  readonly try: (kiosk: Kiosk) => Promise<void> | void
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
  ({ screen }: Kiosk) =>
    screen.press(...keys)

/** Types an address into whatever these keys have opened. */
const goTo =
  (address: string, ...keys: string[]) =>
  async ({ screen }: Kiosk) => {
    screen.press(...keys)
    await pause(500)
    screen.type(`${address}\n`)
  }

const stranger = 'http://127.0.0.1:7641/'
/** The browser's own page that says no: Chromium's has the host's name for a title. */
const no = /^(Problem loading page|Blocked Page|127\.0\.0\.1)\b/
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
    name: 'a window by script, which Firefox opens in its only tab',
    try: kiosk => kiosk.act(`open('/other', '_blank', 'width=300,height=300')`),
    only: 'firefox',
    shows: /^Another page/,
  },
  { name: "a stranger's window by script", try: kiosk => kiosk.act(`open('${stranger}', '_blank')`), shows: no },
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
  const test = suite<{ machine: Machine; kiosk: Kiosk; height: number }>(`kiosk-policies ${name}`)

  test.before(async context => {
    const machine = await bootMachine({ install: true })
    context.machine = machine
    machine.must('useradd --create-home kiosk')
    machine.write('/srv/escape.html', '<title>ESCAPED</title>')
    machine.must('/usr/lib/postern/kiosk/policies/install')
    machine.spawn([node, helper])
    machine.must('curl -s --retry 10 --retry-connrefused --retry-delay 1 http://127.0.0.1:7640/seen')
    const screen = await MachineScreen.start(machine)
    machine.spawn(['env', `DISPLAY=${display}`, 'openbox', '--config-file', '/usr/lib/postern/kiosk/openbox.xml'])
    context.kiosk = new Kiosk(machine, screen, name)
    await context.kiosk.open()
    context.height = context.kiosk.seen().page.height
  })
  test.after(async ({ machine }) => machine?.remove())

  test('the page has the whole screen', ({ height }) => assert.is(height, 800))

  for (const way of ways.filter(({ only }) => only === undefined || only === name)) {
    test(`is no way out: ${way.name}`, async ({ kiosk, height }) => {
      try {
        await way.try(kiosk)
        await pause(700)
        const { shows } = way
        // A busy machine takes a while to show that page.
        if (shows !== undefined) await kiosk.until(() => shows.test(kiosk.screen.titles().join('\n')))
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

  test.run()
}
