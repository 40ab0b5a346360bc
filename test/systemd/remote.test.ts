/** postern remote on a booted machine: switched on under a gate that runs, there after a boot, and off again. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InstalledPostern } from './installed-postern.ts'

const test = suite<{ postern: InstalledPostern }>('systemd/remote')

test.before(async context => {
  context.postern = await InstalledPostern.boot()
  context.postern.start()
})
test.after(context => context.postern?.machine.remove())

const asked = 'curl -sk --max-time 3 https://127.0.0.1:7643/ping'

test('it is switched on while gate and keeper run, and systemd will hold the socket', ({ postern }) => {
  const { machine } = postern
  const pids = [postern.pid('postern'), postern.pid('postern-gate@1')]
  assert.match(machine.must('postern remote on'), /^fingerprint SHA256:/m)
  postern.until('HTTPS is served', () => machine.run(asked).stdout === 'pong')
  assert.equal([postern.pid('postern'), postern.pid('postern-gate@1')], pids)
  assert.is(machine.must('systemctl is-enabled postern-remote.socket').trim(), 'enabled')
  assert.match(machine.must('cat /etc/postern/server.d/90-remote.yml'), /^remote: true$/m)
  assert.match(machine.must('postern cert'), /SHA256:/)
})

test('with the socket of the unit the gate serves it too, and a gate that dies refuses nobody', ({ postern }) => {
  const { machine } = postern
  machine.must('systemctl stop postern postern-gate@1 && systemctl start postern-remote.socket postern')
  postern.until('HTTPS is served', () => machine.run(asked).stdout === 'pong')
  machine.must('systemctl kill -s KILL postern-gate@1')
  assert.is(machine.run(asked).stdout, 'pong')
  assert.not(/not served/.test(postern.journal('postern-gate@1', '-n 20')))
})

test('it is switched off, and the port is closed', ({ postern }) => {
  const { machine } = postern
  machine.must('postern remote off')
  assert.is(machine.run('systemctl is-enabled postern-remote.socket').stdout.trim(), 'disabled')
  postern.until('nobody answers', () => machine.run(asked).status !== 0)
  assert.is(postern.ask('/ping').status, 200)
})

test('a kernel without IPv6 serves IPv4, to other machines too', ({ postern }) => {
  const { machine } = postern
  machine.must('systemctl stop postern.socket postern')
  const paths = ['runtime', 'gate_runtime', 'state', 'gate_state', 'log', 'jobs']
  const config = {
    paths: Object.fromEntries(paths.map(name => [name, `/run/plain/${name}`])),
    listen: [
      { address: '127.0.0.1', port: 7740 },
      { address: '::1', port: 7740 },
    ],
    remote: true,
  }
  machine.write('/run/plain/server.yml', JSON.stringify(config))
  // Such a kernel refuses the sockets in the same way.
  const families = 'RestrictAddressFamilies=AF_UNIX AF_INET AF_NETLINK'
  const words = ['--unit=plain', '-p', 'Type=notify', '-p', 'NotifyAccess=all', '-p', families, '/usr/sbin/posternd']
  machine.must(['systemd-run', ...words, '--config', '/run/plain/server.yml'])
  assert.is(machine.run('curl -s http://127.0.0.1:7740/ping').stdout, 'pong')
  assert.is(machine.run(asked).stdout, 'pong')
  assert.match(postern.journal('plain'), /http:\/\/\[::1\]:7740 is left out: this machine has no such address/)
  machine.must('systemctl stop plain')
})

test.run()
