/** scripts/install and scripts/uninstall on a booted systemd: the tree they leave, and the units they bring. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bootMachine, type Machine, tree } from '../support/machine.ts'

const test = suite<{ machine: Machine }>('install')

test.before(async context => {
  context.machine = await bootMachine({ install: true })
})
test.after(context => context.machine?.remove())

/** Every path that postern may own, with type, mode and owner. What other tests do on the machine below shines through. */
const own = `find /usr/lib/postern /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/bin /usr/sbin /usr/lib/systemd/system /etc/pam.d /etc/postern \
  /etc/systemd/system /var/lib /var/log /run -maxdepth 1 -name 'postern*' ! -name 'postern-test*' -printf '%p %y %m %u:%g\\n' 2>/dev/null | sort`

test('boots to a running system with postern in place and not started', ({ machine }) => {
  assert.is(machine.must('systemctl is-system-running'), 'running')
  assert.is(machine.run('systemctl is-active postern.service').stdout.trim(), 'inactive')
})

test('puts programs, commands, units, PAM service, user and directories in place', ({ machine }) => {
  assert.equal(machine.must(own).split('\n'), [
    '/etc/pam.d/postern f 644 root:root',
    '/etc/postern d 755 root:root',
    '/run/postern d 755 root:root',
    '/run/postern-gate d 755 postern:postern',
    '/usr/bin/postern f 755 root:root',
    '/usr/lib/postern d 755 root:root',
    '/usr/lib/postern/postern-gate.cjs f 644 root:root',
    '/usr/lib/postern/postern.cjs f 644 root:root',
    '/usr/lib/postern/posternd.cjs f 644 root:root',
    '/usr/lib/systemd/system/postern-gate@.service f 644 root:root',
    '/usr/lib/systemd/system/postern-kiosk.service f 644 root:root',
    '/usr/lib/systemd/system/postern-remote.socket f 644 root:root',
    '/usr/lib/systemd/system/postern.service f 644 root:root',
    '/usr/lib/systemd/system/postern.socket f 644 root:root',
    '/usr/lib/sysusers.d/postern.conf f 644 root:root',
    '/usr/lib/tmpfiles.d/postern.conf f 644 root:root',
    '/usr/sbin/posternd f 755 root:root',
    '/var/lib/postern d 700 root:root',
    '/var/lib/postern-gate d 700 postern:postern',
    '/var/log/postern d 750 root:root',
  ])
})

test('puts what a kiosk needs in place', ({ machine }) => {
  const files = machine.must("find /usr/lib/postern/kiosk -type f -printf '%m %P\\n' | sort -k 2").split('\n')
  assert.equal(files, [
    '644 openbox.xml',
    '644 policies/chromium.json',
    '644 policies/firefox.cfg',
    '644 policies/firefox.json',
    '755 policies/install',
    '644 policies/ports.pac',
    '755 session',
    '755 show',
    '644 waiting.html',
    '755 wayland',
    '755 x11',
    '644 xorg.conf',
  ])
})

test('the user postern cannot log in', ({ machine }) => {
  assert.match(
    machine.must('getent passwd postern'),
    /^postern:x:\d+:\d+:.*:\/var\/lib\/postern-gate:\/usr\/sbin\/nologin$/,
  )
  assert.match(machine.must('getent shadow postern'), /^postern:!/)
  assert.is(machine.must('id -nG postern'), 'postern')
})

test('nothing under /usr/lib/postern can be written by another than root', ({ machine }) => {
  assert.is(machine.must('find /usr/lib/postern ! -user root -o ! -type l -perm /022'), '')
})

test('another program on the machine imports the client by its name', ({ machine }) => {
  machine.must('mkdir -p /root/app/node_modules && ln -s /usr/lib/postern /root/app/node_modules/postern')
  const program = "import { createHttpClient } from 'postern/client'; console.log(typeof createHttpClient)"
  const node = '/usr/lib/postern/node --input-type=module'
  assert.is(machine.must(`cd /root/app && ${node} -e "${program}"`), 'function')
  machine.must('test -e /usr/lib/postern/types/client/http.d.ts && test -e /usr/lib/postern/client.d.mts')
})

test('systemd finds no fault in the units', ({ machine }) => {
  const units = 'postern.service postern-gate@1.service postern.socket postern-remote.socket postern-kiosk.service'
  const { status, stdout, stderr } = machine.run(`systemd-analyze verify ${units}`)
  assert.equal([status, stdout, stderr], [0, '', ''])
})

test('systemd-sysusers and systemd-tmpfiles agree with what install made', ({ machine }) => {
  const before = machine.must(own)
  machine.must('systemd-sysusers && systemd-tmpfiles --create /usr/lib/tmpfiles.d/postern.conf')
  assert.is(machine.must(own), before)
})

// What systemd-analyze says today, rounded up: a hardening line that is lost shows here.
for (const { unit, bound } of [
  { unit: 'postern-gate@1.service', bound: 14 },
  { unit: 'postern.service', bound: 30 },
]) {
  test(`the exposure of ${unit} stays under ${bound / 10}`, ({ machine }) => {
    const { status, stdout } = machine.run(`systemd-analyze security --no-pager --threshold=${bound} ${unit}`)
    assert.is(status, 0, stdout)
  })
}

test('a second install keeps a changed PAM service', ({ machine }) => {
  machine.must('echo "# mine" >>/etc/pam.d/postern')
  machine.must([join(tree, 'scripts/install')])
  assert.match(machine.must('cat /etc/pam.d/postern'), /# mine$/)
})

test('uninstall takes the programs and keeps configuration, state, audit trail, user and the changed PAM service', ({
  machine,
}) => {
  machine.write('/etc/postern/server.yml', 'remote: false\n')
  machine.must([join(tree, 'scripts/uninstall')])
  assert.equal(machine.must(own).split('\n'), [
    '/etc/pam.d/postern f 644 root:root',
    '/etc/postern d 755 root:root',
    '/var/lib/postern d 700 root:root',
    '/var/lib/postern-gate d 700 postern:postern',
    '/var/log/postern d 750 root:root',
  ])
  assert.is(machine.must('cat /etc/postern/server.yml'), 'remote: false')
  assert.is(machine.must('systemctl is-system-running'), 'running')
})

test('uninstall --purge leaves nothing', ({ machine }) => {
  machine.must([join(tree, 'scripts/install')])
  machine.must('/usr/lib/postern/kiosk/policies/install')
  const [, keys = ''] = /^`(install -D .* \/etc\/X11\/.*)`/m.exec(readFileSync(join(tree, 'README.md'), 'utf8')) ?? []
  machine.must(keys)
  machine.must('test -s /etc/X11/xorg.conf.d/50-postern-kiosk.conf')
  machine.must([join(tree, 'scripts/uninstall'), '--purge'])
  assert.is(machine.must(own), '')
  assert.is(machine.run('getent passwd postern').status, 2)
  assert.is(machine.must('find /etc/firefox /etc/chromium/policies /etc/X11/xorg.conf.d -type f'), '')
})

test('uninstall on a machine without postern is harmless', ({ machine }) => {
  machine.must([join(tree, 'scripts/uninstall'), '--purge'])
})

test.run()
