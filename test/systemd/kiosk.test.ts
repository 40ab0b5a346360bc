/** The kiosk as its unit runs it on a booted systemd: from `systemctl start` to the logged-in page, and back there after whatever happens. */
import { writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bootMachine } from '../support/machine.ts'
import { InstalledPostern } from './installed-postern.ts'
import { display, MachineScreen } from './screen.ts'

interface Status {
  readonly session: 'none' | 'active' | 'ended'
  readonly waiting: boolean
}

/** So soon is the page back, in milliseconds, once the daemon is ready; later where others keep the processors busy. */
const backMs = () => 5000 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism())
/** The browsers' processes. */
const programs = { firefox: 'firefox-esr', chromium: 'chromium' } as const

/** A machine with a screen, on which the kiosk's unit may draw. */
class KioskMachine extends InstalledPostern {
  readonly screen: MachineScreen
  readonly #program: string

  private constructor(postern: InstalledPostern, screen: MachineScreen, program: string) {
    super(postern.machine)
    this.screen = screen
    this.#program = program
  }

  static async prepare(browser: 'firefox' | 'chromium', session: 'wayland' | 'x11'): Promise<KioskMachine> {
    const postern = new InstalledPostern(await bootMachine({ install: true }))
    const { machine } = postern
    machine.must('useradd --create-home kiosk')
    machine.must('/usr/lib/postern/kiosk/policies/install')
    postern.configure({ kiosk: { user: 'kiosk' } })
    machine.write('/etc/postern/kiosk.env', `KIOSK_BROWSER=${browser}\nKIOSK_SESSION=${session}\nKIOSK_URL=/postern/\n`)
    const screen = await MachineScreen.start(machine)
    // There is no terminal and no graphics card here: a screen in memory stands for both.
    const nested = `DISPLAY=${display} WLR_BACKENDS=x11 WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1`
    const start = session === 'x11' ? `ExecStart=\nExecStart=/usr/lib/postern/kiosk/x11\n` : ''
    machine.write(
      '/etc/systemd/system/postern-kiosk.service.d/screen.conf',
      `[Service]\nTTYPath=\nStandardInput=null\nUtmpIdentifier=\nEnvironment=${nested}\n${start}`,
    )
    machine.must('systemctl daemon-reload')
    return new KioskMachine(postern, screen, programs[browser])
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

  /** The browser's first process. */
  browser(): string {
    return this.machine.must(`pgrep -u kiosk -o -x ${this.#program}`)
  }

  /** Waits until a browser has logged itself in once more; gives how long that took, in milliseconds. */
  async untilBack(before: number): Promise<number> {
    const beganMs = performance.now()
    for (; performance.now() - beganMs < 30_000; await pause(50))
      if (this.logins() > before && this.isIn()) return performance.now() - beganMs
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

for (const [browser, session] of [
  ['firefox', 'x11'],
  ['chromium', 'wayland'],
  ['firefox', 'wayland'],
  ['chromium', 'x11'],
] as const) {
  const test = suite<{ kiosk: KioskMachine }>(`kiosk ${browser} ${session}`)
  test.before(async context => {
    context.kiosk = await KioskMachine.prepare(browser, session)
  })
  test.after(async ({ kiosk }) => kiosk?.machine.remove())

  test('waits on the screen for a daemon that is not there, and goes on by itself', async ({ kiosk }) => {
    kiosk.machine.must('systemctl start postern-kiosk')
    kiosk.until('it says that it waits', () => /waiting: the daemon is not ready/.test(kiosk.told()))
    if (session === 'x11') await kiosk.untilTitle(/^One moment/)
    await kiosk.untilPainted()
    kiosk.keepShot(`${browser}-${session}-waiting`)
    kiosk.start()
    const ms = await kiosk.untilBack(0)
    assert.ok(ms < backMs(), `${ms} ms`)
    await kiosk.untilPainted()
    kiosk.keepShot(`${browser}-${session}-page`)
  })

  test('nobody else can read a ticket: in no command line, no environment, no journal, no file', ({ kiosk }) => {
    const { machine } = kiosk
    const ticket = machine.must('cat /run/postern/kiosk/kiosk')
    assert.ok(ticket.length > 20)
    const told = machine.must("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'")
    assert.not.match(told, /login\?token=/)
    assert.not.ok(told.includes(ticket))
    assert.not.match(machine.must('journalctl --no-pager'), /login\?token=/)
    const open = "find /dev/shm /run -name 'postern-kiosk-*' ! -perm 0700"
    assert.is(machine.must(open), '')
  })

  test('comes back when its browser is killed', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.machine.must(`kill -KILL ${kiosk.browser()}`)
    const ms = await kiosk.untilBack(before)
    assert.ok(ms < backMs(), `${ms} ms`)
  })

  test('comes back when its session is revoked', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.machine.must('postern sessions revoke-all --user kiosk')
    const ms = await kiosk.untilBack(before)
    assert.ok(ms < backMs(), `${ms} ms`)
  })

  test('comes back when another program of its user spent the ticket', async ({ kiosk }) => {
    const before = kiosk.logins()
    const link = 'http://127.0.0.1:7640/login?token='
    kiosk.machine.must(['sh', '-c', `curl -s "${link}$(cat /run/postern/kiosk/kiosk)"`], { user: 'kiosk' })
    const ms = await kiosk.untilBack(before)
    assert.ok(ms < backMs(), `${ms} ms`)
  })

  test('keeps its page over a restart of the daemon', async ({ kiosk }) => {
    const before = [kiosk.browser(), kiosk.logins()]
    kiosk.machine.must('systemctl restart postern')
    await pause(5000)
    assert.equal([kiosk.browser(), kiosk.logins()], before)
    assert.is(kiosk.isIn(), true)
  })

  test('waits while the daemon is away for long, and comes back', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.machine.must('systemctl stop postern.socket postern')
    if (session === 'x11') await kiosk.untilTitle(/^One moment/)
    else await pause(6000)
    kiosk.start()
    const ms = await kiosk.untilBack(before)
    assert.ok(ms < backMs(), `${ms} ms`)
  })

  test('comes back when the configuration gives it another role, and when nobody used it for too long', async ({
    kiosk,
  }) => {
    const before = kiosk.logins()
    kiosk.configure({ kiosk: { user: 'kiosk', role: 'operator' }, session: { idle_seconds: 10 } })
    kiosk.machine.must('systemctl reload postern')
    await kiosk.untilBack(before)
    await kiosk.untilBack(before + 1)
  })

  test('leaves no process and no file when it is stopped', ({ kiosk }) => {
    const { machine } = kiosk
    machine.must('systemctl stop postern-kiosk')
    const left = "pgrep -u kiosk -l 'firefox|chrom'; find /dev/shm /run /tmp -name 'postern-kiosk-*' 2>/dev/null"
    kiosk.until('nothing is left', () => machine.run(left).stdout === '')
  })

  test.run()
}
