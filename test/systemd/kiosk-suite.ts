/** The kiosk as its unit runs it on a booted systemd: from `systemctl start` to the logged-in page, and back there after whatever happens. */
import { setTimeout as pause } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BrowserName, backMs, KioskMachine, type SessionKind } from './kiosk-machine.ts'
import { display } from './screen.ts'

const idleSeconds = 10
/** Between two rounds of the keeper's upkeep, which ends what was idle for too long, in milliseconds. */
const upkeepMs = 2000
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

/** Runs all tests with that browser on that kind of screen. */
export function testKiosk(browser: BrowserName, session: SessionKind): void {
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
    kiosk.until('nothing of it is left', () => kiosk.leftovers() === '')
    assert.is(machine.run('journalctl --sync; journalctl --no-pager --all | grep -aF -f /root/secrets').stdout, '')
    const written = 'find /home /var /tmp /dev/shm /run -type f -cnewer /root/before'
    assert.match(machine.must(written), /^\/var\/log\/postern\/audit\.log$/m)
    assert.is(machine.run(`${written} -exec grep -alF -f /root/secrets {} +`).stdout, '')
    machine.must('systemctl start postern-kiosk')
    await kiosk.untilBack(before + 1)
  })

  test('comes back when its browser is killed', async ({ kiosk }) => {
    const before = await kiosk.untilCalm()
    kiosk.machine.must(`kill -KILL ${kiosk.browser()}`)
    await kiosk.untilBack(before)
  })

  test('comes back when what draws its page is killed, as by the kernel when memory is short', async ({ kiosk }) => {
    const before = await kiosk.untilCalm()
    kiosk.killRenderers()
    await kiosk.untilBack(before)
  })

  test('comes back when its session is revoked', async ({ kiosk }) => {
    const before = await kiosk.untilCalm()
    kiosk.machine.must('postern sessions revoke-all --user kiosk')
    await kiosk.untilBack(before)
  })

  test('comes back when another program of its user spent the ticket', async ({ kiosk }) => {
    const before = await kiosk.untilCalm()
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
    const before = await kiosk.untilCalm()
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
    const before = await kiosk.untilCalm()
    machine.must('systemctl stop own')
    kiosk.screen.click(223, 31)
    machine.must('systemd-run --quiet --unit=own posternd')
    await kiosk.untilBack(before)
    machine.must('systemctl stop own')
    kiosk.start()
    await kiosk.untilBack(before + 1, 60_000)
  })

  test('comes back when the configuration gives it another role', async ({ kiosk }) => {
    const before = await kiosk.untilCalm()
    kiosk.configure({ kiosk: { user: 'kiosk', role: 'operator' } })
    kiosk.machine.must('systemctl reload postern')
    await kiosk.untilBack(before)
  })

  test('comes back when nobody used it for too long', async ({ kiosk }) => {
    const before = await kiosk.untilCalm()
    kiosk.configure({ kiosk: { user: 'kiosk', role: 'operator' }, session: { idle_seconds: idleSeconds } })
    // A session keeps the limit that it began with.
    kiosk.machine.must('systemctl reload postern && postern sessions revoke-all --user kiosk')
    await kiosk.untilBack(before)
    await kiosk.untilBack(before + 1, idleSeconds * 1000 + upkeepMs + backMs())
  })

  test('leaves no process and no file when it is stopped', ({ kiosk }) => {
    const { machine } = kiosk
    machine.must('systemctl stop postern-kiosk')
    kiosk.until('nothing of it is left', () => kiosk.leftovers() === '')
  })

  test.run()
}
