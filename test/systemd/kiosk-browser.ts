/** A browser at a page of the kiosk, in a machine where the policies of scripts/kiosk/policies are in force. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { bootMachine, type Machine, tree } from '../support/machine.ts'
import { display, MachineScreen } from './screen.ts'

export type BrowserName = 'firefox' | 'chromium'

/** The page's last words: whether it is to be seen and has the keys, and how much of the screen is its own. */
export interface Page {
  readonly visible: boolean
  readonly width: number
  readonly height: number
  readonly agoMs: number
}

/** What the page's server has seen. */
export interface Seen {
  /** Requests that reached the site that is not allowed, and others of the machine's own. */
  readonly strangers: string[]
  /** What the page was made to tell. */
  readonly said: string[]
  /** Whether the page has begun what it was to do. */
  readonly isDone: boolean
  readonly page: Page
}

export const node = '/usr/lib/postern/node'
export const home = 'http://127.0.0.1:7640/'
/** Where an extension lies that tells of itself in every page. */
export const extension = '/srv/extension'
/** Where Firefox looks for extensions of the system. */
const firefoxExtensions = '/usr/share/mozilla/extensions/{ec8030f7-c20a-464f-9b0e-13a3a9e97384}'
/** A browser may just be removing what is looked through. */
const findLoot = "find /dev/shm /home /tmp -name '*loot*'"
const policyFiles = {
  firefox: '/etc/firefox/policies/policies.json',
  chromium: '/etc/chromium/policies/managed/postern-kiosk.json',
} as const

const link = `
const a = Object.assign(document.createElement('a'), { href: '/other', style: 'position: fixed; inset: 0' })
a.onclick = a.onauxclick = () => setTimeout(() => a.remove(), 300)
document.body.append(a)`

export class KioskBrowser {
  readonly machine: Machine
  readonly screen: MachineScreen
  readonly #name: BrowserName
  #browser: ChildProcess | null = null

  private constructor(machine: Machine, screen: MachineScreen, name: BrowserName) {
    this.machine = machine
    this.screen = screen
    this.#name = name
  }

  /** Boots a machine with the page, its sites and a screen. The browser is not open. */
  static async boot(name: BrowserName): Promise<KioskBrowser> {
    const machine = await bootMachine({ install: true })
    machine.must('useradd --create-home kiosk')
    machine.write('/srv/escape.html', '<title>ESCAPED</title>')
    machine.must('echo 127.0.0.1 site.test sub.site.test path.test elsewhere.test >>/etc/hosts')
    writeExtension(machine, name)
    writeHandler(machine)
    machine.must('/usr/lib/postern/kiosk/policies/install')
    machine.spawn([node, join(tree, 'test/systemd/kiosk-site.ts')])
    machine.must(`curl -s --retry 10 --retry-connrefused --retry-delay 1 ${home}seen`)
    const screen = await MachineScreen.start(machine)
    machine.spawn(['env', `DISPLAY=${display}`, 'openbox', '--config-file', '/usr/lib/postern/kiosk/openbox.xml'])
    return new KioskBrowser(machine, screen, name)
  }

  /** Runs the policies' installer. A browser reads them when it starts. */
  installPolicies(...words: readonly string[]): void {
    this.machine.must(['/usr/lib/postern/kiosk/policies/install', ...words])
  }

  /** The lines of the policies that are in force, the entries of some among them. */
  policyLines(): string[] {
    const file = JSON.parse(this.machine.must(['cat', policyFiles[this.#name]]))
    const rules = this.#name === 'firefox' ? ['autoconfig window', 'autoconfig tab'] : []
    const lines = Object.entries(this.#name === 'firefox' ? file.policies : file).flatMap(([name, value]) => {
      if (Array.isArray(value) && name === 'URLBlocklist') return value.map(entry => `${name} ${entry}`)
      return name === 'Preferences' || name === 'WebsiteFilter'
        ? Object.keys(value as object).map(key => `${name} ${key}`)
        : [name]
    })
    return [...lines, ...rules]
  }

  /** Opens the page anew, in a fresh browser; `words` as open-page.ts takes them. */
  async open(...words: string[]): Promise<void> {
    await this.start(...words)
    await this.untilHome()
  }

  /** Starts a fresh browser, and does not wait. */
  async start(...words: string[]): Promise<void> {
    await this.close()
    this.forget()
    const open = [node, join(tree, 'test/support/open-page.ts'), this.#name, home, ...words]
    this.#browser = this.machine.spawn(['env', `DISPLAY=${display}`, ...open], { user: 'kiosk' })
    this.#browser.stderr?.resume()
    this.#browser.stdout?.resume()
  }

  async close(): Promise<void> {
    const browser = this.#browser
    this.#browser = null
    if (browser === null || browser.exitCode !== null) return
    const ended = new Promise(resolve => browser.once('exit', resolve))
    this.machine.run("pkill -TERM -u kiosk -f '[o]pen-page.ts'")
    await ended
  }

  /** Forgets what was seen and said, with all that was brought in. */
  forget(): void {
    this.machine.run(`curl -s ${home}reset; ${findLoot} -delete`)
  }

  seen(): Seen {
    return JSON.parse(this.machine.must(`curl -s ${home}seen`)) as Seen
  }

  /** The titles of all windows, a line each. */
  titles(): string {
    return this.screen.titles().join('\n')
  }

  /** Has the page do this at the next click, and clicks until it does: the first may only have closed a bubble over it. */
  async act(script: string): Promise<void> {
    this.machine.must(['curl', '-s', '--data-binary', script, `${home}script`])
    let clickedMs = 0
    await this.until('the page does it', () => {
      if (performance.now() - clickedMs > 600) {
        clickedMs = performance.now()
        this.screen.click(640, 400)
      }
      return this.seen().isDone
    })
  }

  /** Clicks a link all over the page, which is gone after that, with that button and while these keys are held. */
  async clickLink(button: number, ...keys: string[]): Promise<void> {
    await this.act(link)
    await pause(300)
    const [down, up] = ['keydown', 'keyup'].map(what => keys.flatMap(key => [what, key]))
    this.screen.do(...(down ?? []), 'mousemove', '640', '400', 'click', String(button), ...(up ?? []))
    await pause(400)
  }

  /** Types an address into the bar, without what the browser would add to it. */
  async visit(address: string): Promise<void> {
    this.screen.press('ctrl+l')
    await this.until('the bar has the keys', () => !this.hasKeys())
    await pause(200)
    this.screen.type(address, 5)
    this.screen.press('Delete', 'Return')
  }

  /** Whether the page is there and keys reach it. */
  hasKeys(): boolean {
    const { visible, agoMs } = this.seen().page
    return visible && agoMs < 1000
  }

  isHome(): boolean {
    return this.hasKeys() && this.screen.titles().some(title => /^The kiosk/.test(title))
  }

  async untilHome(): Promise<void> {
    await this.until('the page is shown', () => this.isHome())
  }

  /** Waits until it is so. Throws after 20 s. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    for (const end = performance.now() + 20_000; performance.now() < end; await pause(100)) if (isSo()) return
    throw new Error(`not within 20 s: ${what}\n${this.titles()}\n${JSON.stringify(this.seen())}`)
  }

  /** Files that a page brought into the kiosk user's directories. */
  loot(): string {
    return this.machine.run(findLoot).stdout.trim()
  }
}

/** An extension that tells the page's server of itself; Firefox takes it from the system, Chromium from its command line. */
function writeExtension(machine: Machine, name: BrowserName): void {
  const manifest = {
    manifest_version: 3,
    name: 'Escape',
    version: '1',
    ...(name === 'firefox' && { browser_specific_settings: { gecko: { id: 'escape@site.test' } } }),
    content_scripts: [{ matches: ['<all_urls>'], js: ['escape.js'] }],
  }
  machine.write(`${extension}/manifest.json`, JSON.stringify(manifest))
  machine.write(`${extension}/escape.js`, `fetch('${home}said?extended')`)
  if (name !== 'firefox') return
  machine.must(['mkdir', '-p', firefoxExtensions])
  const archive = `${firefoxExtensions}/escape@site.test.xpi`
  machine.must(
    `cd ${extension} && python3 -m zipfile -c '${archive}' manifest.json escape.js && chmod 644 '${archive}'`,
  )
}

/** A program that opens the links of a scheme. */
function writeHandler(machine: Machine): void {
  const program = '[Desktop Entry]\nType=Application\nName=Escape\nExec=true %u\nMimeType=x-scheme-handler/escape;\n'
  machine.write('/usr/share/applications/escape.desktop', program)
  machine.write('/etc/xdg/mimeapps.list', '[Default Applications]\nx-scheme-handler/escape=escape.desktop\n')
}
