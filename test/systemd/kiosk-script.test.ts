/** The README's start-up script for a kiosk, word for word, on a booted machine. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tree } from '../support/machine.ts'
import { InstalledPostern } from './installed-postern.ts'
import { display, MachineScreen } from './screen.ts'

const readme = readFileSync(join(tree, 'README.md'), 'utf8')
const [, script = ''] =
  /### A start-up script of your own\n[^`]*```sh\n(.*?)```/s.exec(readme.replaceAll('`postern kiosk`', '')) ?? []

const test = suite<{ postern: InstalledPostern; screen: MachineScreen }>('kiosk-script')
test.before(async context => {
  const postern = await InstalledPostern.boot({ kiosk: { user: 'kiosk' } })
  const { machine } = postern
  machine.must('useradd --create-home kiosk && install -d -m 0700 -o kiosk /run/kiosk-session')
  machine.write('/usr/local/bin/own-kiosk', script, '0755')
  context.screen = await MachineScreen.start(machine)
  machine.spawn(['env', `DISPLAY=${display}`, 'openbox'])
  context.postern = postern
})
test.after(async ({ postern }) => postern?.machine.remove())

test('is about ten lines long', () => {
  const lines = script.trim().split('\n')
  assert.is(lines[0], '#!/bin/sh')
  assert.ok(lines.length <= 12, `${lines.length} lines`)
})

function start({ machine }: InstalledPostern): ChildProcess {
  const session = [`DISPLAY=${display}`, 'XDG_RUNTIME_DIR=/run/kiosk-session', 'HOME=/home/kiosk']
  return machine.spawn(['env', ...session, '/usr/local/bin/own-kiosk'], { user: 'kiosk' })
}

for (const [how, signal] of [
  ['the browser ends', 'TERM -o -x firefox-esr'],
  ['its session is ended', 'TERM -x own-kiosk'],
  ['its terminal is gone', 'HUP -x own-kiosk'],
] as const)
  test(`waits for the daemon, logs Firefox in, and leaves nothing behind when ${how}`, async ({ postern, screen }) => {
    const { machine } = postern
    machine.must('systemctl stop postern.socket postern')
    const own = start(postern)
    const ended = new Promise(resolve => own.once('exit', resolve))
    postern.start()
    postern.until('the page is there', () => screen.titles().some(title => title.startsWith('kiosk on ')), 60)
    assert.match(postern.ask('/postern/v1/kiosk', { user: 'kiosk' }).text, /"session":"active"/)
    machine.must(`pkill -u kiosk -${signal}`)
    await ended
    const left = "pgrep -u kiosk -l 'own-kiosk|firefox'; find /run/kiosk-session -mindepth 1 -name 'kiosk-*'"
    postern.until('nothing is left', () => machine.run(left).stdout === '')
  })

test("a display manager's session has the settings of kiosk.env, as the unit has; its own count more", ({
  postern,
}) => {
  const { machine } = postern
  machine.write('/run/first/postern', '#!/bin/sh\necho "$@"\n', '0755')
  const show = (...more: string[]) =>
    machine.must(['env', 'PATH=/run/first:/usr/bin:/bin', ...more, '/usr/lib/postern/kiosk/show'])
  assert.is(show(), 'kiosk --browser firefox --url / --')
  machine.write(
    '/etc/postern/kiosk.env',
    '# $(touch /run/bad)\nKIOSK_BROWSER=chromium\nKIOSK_URL=/a b\nKIOSK_ARGS=--x --y\n',
  )
  assert.is(show(), 'kiosk --browser chromium --url /a b -- --x --y')
  assert.is(show('KIOSK_BROWSER=firefox'), 'kiosk --browser firefox --url /a b -- --x --y')
})

test.run()
