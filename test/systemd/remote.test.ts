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

test.run()
