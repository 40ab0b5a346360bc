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

/** Prints the cookie that a browser of this machine is given next: a browser keeps it to itself. */
const sniffer = `
import re, socket
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(('lo', 0))
while True:
  found = re.search(rb'set-cookie: postern-7640=([^;]+)', wire.recv(1 << 17), re.I)
  if found:
    print(found[1].decode())
    break
`

interface Status {
  readonly session: 'none' | 'active' | 'ended'
  readonly waiting: boolean
}

/** So soon is the page back, in milliseconds, once the daemon is ready; up to four times later where others keep the processors busy. */
const backMs = () => 5000 * Math.min(4, Math.max(1, (loadavg()[0] ?? 0) / availableParallelism()))
const idleSeconds = 10
/** Between two rounds of the keeper's upkeep, which ends what was idle for too long, in milliseconds. */
const upkeepMs = 2000
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
class KioskMachine extends InstalledPostern {
  readonly screen: MachineScreen
  readonly #browser: 'firefox' | 'chromium'
  readonly #session: 'wayland' | 'x11'

  private constructor(
    postern: InstalledPostern,
    screen: MachineScreen,
    browser: 'firefox' | 'chromium',
    session: 'wayland' | 'x11',
  ) {
    super(postern.machine)
    this.screen = screen
    this.#browser = browser
    this.#session = session
  }

  static async prepare(browser: 'firefox' | 'chromium', session: 'wayland' | 'x11'): Promise<KioskMachine> {
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

  /** The browser's first process. */
  browser(): string {
    return this.machine.must(`pgrep -u kiosk -o -x ${programs[this.#browser]}`)
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
    return this.screen.colour(8, 700) === '#EFEBE3' && this.screen.colour(8, 30) === '#FFFDF8'
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
    await kiosk.untilBack(0)
    kiosk.keepShot(`${browser}-${session}-page`)
  })

  if (session === 'x11')
    test('its X server stays on its own terminal, and lets nobody else in', ({ kiosk }) => {
      const { machine } = kiosk
      const words = machine.must('cat "/run/user/$(id -u kiosk)/x-words"')
      assert.match(words, /^:0 vt1 -keeptty -nolisten tcp -auth \S+$/)
      const look = ['xdpyinfo', '-display', display]
      assert.is(machine.run(['env', `XAUTHORITY=${words.split(' ').at(-1)}`, ...look]).status, 0)
      for (const user of ['root', 'nobody']) assert.match(machine.run(look, { user }).stderr, /unable to open display/)
    })

  test('nobody else can read a ticket or a cookie: in no command line, no environment, no log, no file', async ({
    kiosk,
  }) => {
    const { machine } = kiosk
    machine.must('systemctl stop postern-kiosk && touch /root/before')
    const before = kiosk.logins()
    // What is looked for is read from a file: else it would be found in the command line of who looks.
    machine.must('umask 077; cp /run/postern/kiosk/kiosk /root/secrets')
    const look = 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -aF -f /root/secrets >>/root/found'
    machine.spawn(['sh', '-c', `while [ ! -e /root/enough ]; do ${look}; echo >>/root/looks; done`])
    const cookie = machine.spawn(['python3', '-uc', sniffer])
    const sniffed = new Promise<string>(resolve => cookie.stdout?.once('data', chunk => resolve(String(chunk).trim())))
    await pause(500)
    machine.must('systemctl start postern-kiosk')
    await kiosk.untilBack(before)
    machine.must('touch /root/enough && cat >>/root/secrets', { input: `${await sniffed}\n` })
    assert.is(machine.must('grep -c . /root/secrets'), '2')
    assert.ok(Number(machine.must('wc -l </root/looks')) > 5)
    assert.is(machine.must('wc -c </root/found'), '0')
    assert.is(machine.must("find /dev/shm /run -name 'postern-kiosk-*' ! -perm 0700"), '')
    machine.must('systemctl stop postern-kiosk')
    assert.is(machine.run('journalctl --sync; journalctl --no-pager --all | grep -aF -f /root/secrets').stdout, '')
    const written = 'find /home /var /tmp /dev/shm /run -type f -cnewer /root/before'
    assert.match(machine.must(written), /^\/var\/log\/postern\/audit\.log$/m)
    assert.is(machine.run(`${written} -exec grep -alF -f /root/secrets {} +`).stdout, '')
    machine.must('systemctl start postern-kiosk')
    await kiosk.untilBack(before + 1)
  })

  test('comes back when its browser is killed', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.machine.must(`kill -KILL ${kiosk.browser()}`)
    await kiosk.untilBack(before)
  })

  test('comes back when what draws its page is killed, as by the kernel when memory is short', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.killRenderers()
    await kiosk.untilBack(before)
  })

  test('comes back when its session is revoked', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.machine.must('postern sessions revoke-all --user kiosk')
    await kiosk.untilBack(before)
  })

  test('comes back when another program of its user spent the ticket', async ({ kiosk }) => {
    const before = kiosk.logins()
    const link = 'http://127.0.0.1:7640/login?token='
    kiosk.machine.must(['sh', '-c', `curl -s "${link}$(cat /run/postern/kiosk/kiosk)"`], { user: 'kiosk' })
    await kiosk.untilBack(before)
  })

  test('keeps its page over a restart of the daemon', async ({ kiosk }) => {
    const before = [kiosk.browser(), kiosk.logins()]
    kiosk.machine.must('systemctl restart postern')
    await pause(5000)
    assert.equal([kiosk.browser(), kiosk.logins()], before)
    assert.equal([kiosk.isIn(), kiosk.isShown()], [true, true])
  })

  test('waits while the daemon is away for long, and comes back', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.machine.must('systemctl stop postern.socket postern')
    if (session === 'x11') await kiosk.untilTitle(/^One moment/)
    else await pause(6000)
    kiosk.start()
    await kiosk.untilBack(before)
  })

  test('comes back after a restart that refused connections: what was clicked meanwhile is an error page', async ({
    kiosk,
  }) => {
    const { machine } = kiosk
    const start = kiosk.logins()
    machine.must('systemctl stop postern.socket postern')
    machine.must('systemd-run --quiet --unit=own posternd')
    await kiosk.untilBack(start, 60_000)
    const before = kiosk.logins()
    machine.must('systemctl stop own')
    kiosk.screen.click(223, 31)
    machine.must('systemd-run --quiet --unit=own posternd')
    await kiosk.untilBack(before)
    machine.must('systemctl stop own')
    kiosk.start()
    await kiosk.untilBack(before + 1)
  })

  test('comes back when the configuration gives it another role', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.configure({ kiosk: { user: 'kiosk', role: 'operator' } })
    kiosk.machine.must('systemctl reload postern')
    await kiosk.untilBack(before)
  })

  test('comes back when nobody used it for too long', async ({ kiosk }) => {
    const before = kiosk.logins()
    kiosk.configure({ kiosk: { user: 'kiosk', role: 'operator' }, session: { idle_seconds: idleSeconds } })
    // A session keeps the limit that it began with.
    kiosk.machine.must('systemctl reload postern && postern sessions revoke-all --user kiosk')
    await kiosk.untilBack(before)
    await kiosk.untilBack(before + 1, idleSeconds * 1000 + upkeepMs + backMs())
  })

  test('leaves no process and no file when it is stopped', ({ kiosk }) => {
    const { machine } = kiosk
    machine.must('systemctl stop postern-kiosk')
    const left = "pgrep -u kiosk -l 'firefox|chrom'; find /dev/shm /run /tmp -name 'postern-kiosk-*' 2>/dev/null"
    kiosk.until('nothing is left', () => machine.run(left).stdout === '')
  })

  test.run()
}
