/** A machine whose IPv6 is switched off, with the sockets that systemd holds: at once, and after a boot. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InstalledPostern } from './installed-postern.ts'

const test = suite<{ postern: InstalledPostern }>('systemd/no-ipv6')

test.before(async context => {
  context.postern = await InstalledPostern.boot()
  const names = ['all', 'default', 'lo']
  const settings = names.map(name => `net.ipv6.conf.${name}.disable_ipv6 = 1\n`)
  context.postern.machine.write('/etc/sysctl.d/90-no-ipv6.conf', settings.join(''))
  context.postern.machine.must('sysctl -q -p /etc/sysctl.d/90-no-ipv6.conf && systemctl enable --now postern')
})
test.after(context => context.postern?.machine.remove())

const asked = 'curl -sk --max-time 3 https://127.0.0.1:7643/ping'

/** What HTTP, HTTPS and the UNIX socket answer. */
function answers(postern: InstalledPostern): unknown[] {
  const doors = (['ipv4', 'unix'] as const).map(door => postern.ask('/ping', { door }).status)
  return [...doors, postern.machine.run(asked).stdout]
}

/** The units whose sockets systemd holds. */
function held(postern: InstalledPostern): string[] {
  return ['postern.socket', 'postern-remote.socket'].filter(unit => postern.property(unit, 'ActiveState') === 'active')
}

test('HTTP is served, and HTTPS as soon as it is switched on', ({ postern }) => {
  assert.is(postern.machine.run('ip -6 address').stdout, '')
  assert.equal(held(postern), ['postern.socket'])
  postern.machine.must('postern remote on')
  assert.equal(answers(postern), [200, 200, 'pong'])
})

test('both are served after a boot', async ({ postern }) => {
  await postern.machine.reboot()
  assert.is(postern.machine.run('ip -6 address').stdout, '')
  postern.until('HTTPS is served', () => postern.machine.run(asked).stdout === 'pong')
  assert.equal(answers(postern), [200, 200, 'pong'])
  assert.equal(held(postern), ['postern.socket', 'postern-remote.socket'])
  assert.is(postern.property('postern-gate@1', 'NRestarts'), '0')
  assert.not(/not served/.test(postern.journal('postern-gate@1', '-b')))
})

test('without IPv6 in the kernel systemd binds what there is, and all of that is served', ({ postern }) => {
  const { machine } = postern
  machine.must('systemctl stop postern.socket postern-remote.socket postern')
  // By /proc/net/if_inet6, looked for once, systemd tells whether the kernel has it.
  machine.must('mount -t tmpfs none /proc/1/net && systemctl daemon-reexec && systemctl start postern')
  assert.match(postern.property('postern-remote.socket', 'Listen'), /^0\.0\.0\.0:7643 /)
  postern.until('HTTPS is served', () => machine.run(asked).stdout === 'pong')
  assert.equal(answers(postern), [200, 200, 'pong'])
  assert.equal(held(postern), ['postern.socket', 'postern-remote.socket'])
})

test.run()
