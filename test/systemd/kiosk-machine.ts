/** A booted machine with postern, a kiosk and a screen. */
import { writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { bootMachine } from '../support/machine.ts'
import { InstalledPostern } from './installed-postern.ts'
import { display, MachineScreen } from './screen.ts'

export type BrowserName = 'firefox' | 'chromium'
export type SessionKind = 'wayland' | 'x11'

interface Status {
  readonly session: 'none' | 'active' | 'ended'
  readonly waiting: boolean
}

/** So soon is the page back, in milliseconds, once the daemon is ready; up to four times later where others keep the processors busy. */
export const backMs = () => 5000 * Math.min(4, Math.max(1, (loadavg()[0] ?? 0) / availableParallelism()))
/** The browsers' processes: the first one, and those that draw pages, as pgrep finds them. */
const programs = { firefox: 'firefox-esr', chromium: 'chromium' } as const
const renderers = { firefox: "-x 'Isolated Web Co'", chromium: '-f -- --type=renderer' } as const
/** A graphics card is what this machine has not: an X server that draws into memory, and knows nothing of terminals. */
const xserver = `#!/bin/sh
echo "$@" >"$XDG_RUNTIME_DIR/x-words"
display=$1
shift 3
exec Xvfb "$display" "$@" -screen 0 1280x800x24
`

/** A machine with a screen, on which the kiosk's unit may draw. */
export class KioskMachine extends InstalledPostern {
  readonly screen: MachineScreen
  readonly #browser: BrowserName
  readonly #session: SessionKind

  private constructor(postern: InstalledPostern, screen: MachineScreen, browser: BrowserName, session: SessionKind) {
    super(postern.machine)
    this.screen = screen
    this.#browser = browser
    this.#session = session
  }

  static async prepare(browser: BrowserName, session: SessionKind): Promise<KioskMachine> {
    const postern = new InstalledPostern(await bootMachine({ install: true }))
    const { machine } = postern
    machine.must('useradd --create-home kiosk')
    machine.must('/usr/lib/postern/kiosk/policies/install')
    postern.configure({ kiosk: { user: 'kiosk' } })
    machine.write('/etc/postern/kiosk.env', `KIOSK_BROWSER=${browser}\nKIOSK_SESSION=${session}\nKIOSK_URL=/postern/\n`)
    // There is no terminal and no graphics card here: a screen in memory stands for both.
    const nested = `Environment=DISPLAY=${display} WLR_BACKENDS=x11 WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1`
    machine.write('/usr/bin/X', xserver, '0755')
    const authority = `/run/user/${machine.must('id -u kiosk')}/postern-xauth`
    const screen = session === 'x11' ? MachineScreen.of(machine, authority) : await MachineScreen.start(machine)
    machine.write(
      '/etc/systemd/system/postern-kiosk.service.d/screen.conf',
      `[Service]\nTTYPath=\nStandardInput=null\nUtmpIdentifier=\n${session === 'x11' ? '' : nested}\n`,
    )
    machine.must('systemctl daemon-reload')
    return new KioskMachine(postern, screen, browser, session)
  }

  /** How the daemon sees the kiosk. */
  status(): Status | null {
    const { status, text } = this.ask('/postern/v1/kiosk', { user: 'kiosk' })
    return status === 200 ? (JSON.parse(text) as Status) : null
  }

  isIn(): boolean {
    const status = this.status()
    return status?.session === 'active' && !status.waiting
  }

  /** What the kiosk said: its processes are of a session of logind, not of the unit. */
  told(): string {
    return this.machine.must('journalctl --sync && journalctl --no-pager --identifier=postern-kiosk')
  }

  /** How often a browser has logged itself in so far. */
  logins(): number {
    return this.told().split('is logged in, after').length - 1
  }

  /** Its browser's processes, and the directories that it made. */
  leftovers(): string {
    const look = "pgrep -u kiosk -l 'firefox|chrom'; find /dev/shm /run /tmp -name 'postern-kiosk-*' 2>/dev/null"
    return this.machine.run(look).stdout
  }

  /** The browser's first process. */
  browser(): string {
    return this.machine.must(`pgrep -u kiosk -o -x ${programs[this.#browser]}`)
  }

  /** Waits until its browser has lived for so long that its end is not one of many quick ones, after which it would pause. */
  async untilCalm(): Promise<number> {
    while (Number(this.machine.must(`ps -o etimes= -p ${this.browser()}`)) <= 10) await pause(200)
    return this.logins()
  }

  /** Kills what draws its pages, and nothing else of it. */
  killRenderers(): void {
    this.machine.must(`pkill -KILL -u kiosk ${renderers[this.#browser]}`)
  }

  /** Whether the logged-in page is what is to be seen. */
  isShown(): boolean {
    const titles = this.#session === 'x11' ? this.screen.titles() : ['kiosk on ']
    if (titles.length !== 1 || !titles[0]?.startsWith('kiosk on ')) return false
    // Its bar above, and the ground: no other page, and none of a browser's own, has both.
    return this.screen.colours([8, 30], [8, 700]).join() === '#FFFDF8,#EFEBE3'
  }

  /** Waits until a browser has logged itself in once more and its page is shown; fails when that took longer than `limitMs`. */
  async untilBack(before: number, limitMs = backMs()): Promise<void> {
    const beganMs = performance.now()
    for (; performance.now() - beganMs < 60_000; await pause(50))
      if (this.logins() > before && this.isIn() && this.isShown()) {
        const ms = performance.now() - beganMs
        assert.ok(ms < limitMs, `${ms} ms, expected less than ${limitMs}`)
        return
      }
    throw new Error(`the kiosk did not come back\n${this.told()}\n${this.screen.titles()}`)
  }

  /** Waits until the only window has that title. */
  async untilTitle(title: RegExp): Promise<void> {
    for (const end = performance.now() + 20_000; performance.now() < end; await pause(100)) {
      const titles = this.screen.titles()
      if (titles.length === 1 && title.test(titles[0] ?? '')) return
    }
    throw new Error(`no window ${title}: ${this.screen.titles()}\n${this.told()}`)
  }

  /** Waits until the ground of postern's pages, and of the waiting page, is to be seen: a window may be there and still empty. */
  async untilPainted(): Promise<void> {
    for (const end = performance.now() + 30_000; performance.now() < end; await pause(200))
      if (this.screen.colour(8, 700) === '#EFEBE3') return
    throw new Error(`nothing is painted\n${this.told()}`)
  }

  /** A picture for who wants to look at it: POSTERN_SHOTS names the folder. */
  keepShot(name: string): void {
    const folder = process.env.POSTERN_SHOTS
    if (folder !== undefined) writeFileSync(join(folder, `${name}.png`), this.screen.shoot())
  }
}
