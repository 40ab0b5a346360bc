/** postern remote on a booted machine: on under a gate that runs, with the socket that systemd holds, taken, and off again. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InstalledPostern, type Reply } from './installed-postern.ts'

const test = suite<{ postern: InstalledPostern }>('systemd/remote')

test.before(async context => {
  context.postern = await InstalledPostern.boot()
  context.postern.start()
})
test.after(context => context.postern?.machine.remove())

const asked = 'curl -sk --max-time 3 https://127.0.0.1:7643/ping'

/** Whether a connection is ended at once; one that hangs would end curl with 28, a closed port with 7. */
function isCut({ machine }: InstalledPostern): boolean {
  return machine.run(asked).status === 35
}

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

test('it is switched off, and who connects is cut', ({ postern }) => {
  const { machine } = postern
  machine.must('postern remote off')
  assert.is(machine.run('systemctl is-enabled postern-remote.socket').stdout.trim(), 'disabled')
  assert.ok(isCut(postern))
  assert.is(postern.ask('/ping').status, 200)
})

/** Asks for remote.switch over HTTP, where nobody tells systemd of it. */
function turn(postern: InstalledPostern, on: boolean): Reply {
  return postern.ask('/postern/v1/remote', { token: postern.token(), body: { on } })
}

test('a socket that systemd holds is served when HTTP switches it on, and cuts at once who connects when it is off', ({
  postern,
}) => {
  const { machine } = postern
  machine.must('systemctl enable postern-remote.socket && systemctl restart postern')
  postern.until('who connects is cut', () => isCut(postern))
  assert.match(
    postern.journal('postern-gate@1', '-n 5'),
    /in no listener of the configuration: it is not served.*:7643/,
  )
  machine.must('journalctl --rotate && journalctl --vacuum-time=1s')
  for (const _ of ['once', 'again']) {
    assert.is(turn(postern, true).status, 200)
    assert.is(machine.run(asked).stdout, 'pong')
    assert.is(turn(postern, false).status, 200)
    assert.ok(isCut(postern))
  }
  assert.is(postern.property('postern-remote.socket', 'ActiveState'), 'active')
  assert.not(/not served|EADDRINUSE/.test(postern.journal('postern-gate@1')))
})

test('a gate that starts does not bring up a socket that is not enabled', ({ postern }) => {
  const { machine } = postern
  machine.must('systemctl disable --now postern-remote.socket && systemctl restart postern')
  postern.until('a gate serves', () => postern.ask('/ping').status === 200)
  assert.is(postern.property('postern-remote.socket', 'ActiveState'), 'inactive')
  assert.is(machine.run('ss -Hltn sport = :7643').stdout, '')
})

test('it is refused, and undone, while another program has the port', ({ postern }) => {
  const { machine } = postern
  machine.must('useradd --no-create-home squatter')
  machine.must([
    ...['systemd-run', '--quiet', '--unit=squatter', '-p', 'User=squatter', '/usr/lib/postern/node', '-e'],
    'require("node:net").createServer(() => {}).listen(7643)',
  ])
  postern.until('the port is taken', () => machine.run('ss -Hltn sport = :7643').stdout !== '')
  const { status, stderr } = machine.run('postern remote on')
  assert.is(status, 1)
  assert.match(stderr, /port 7643 is taken, by a process of squatter/)
  assert.is(machine.run('test -e /etc/postern/server.d/90-remote.yml').status, 1)
  assert.is(machine.run('systemctl is-enabled postern-remote.socket').stdout.trim(), 'disabled')
  assert.is(machine.run('postern cert').status, 1, 'HTTPS is not served')
  machine.must('systemctl stop squatter && postern remote on')
  assert.is(machine.run(asked).stdout, 'pong')
  machine.must('postern remote off')
})

test('two gates share the socket: each serves it alone while the other stands still, and one that dies refuses nobody', ({
  postern,
}) => {
  const { machine } = postern
  const since = machine.must('date +%s.%N')
  machine.must('systemctl enable --now postern-gate@2')
  const units = ['postern-gate@1', 'postern-gate@2']
  const gates = () => JSON.parse(machine.must('postern status --json')).gates as { pid: number }[]
  const areThere = () => {
    const pids = gates().map(({ pid }) => pid)
    return units.every(unit => pids.includes(postern.pid(unit)))
  }
  postern.until('both are there', areThere)
  machine.must('postern remote on')
  assert.is(machine.must('ss -Hltn sport = :7643').split('\n').length, 2, 'each has opened one')
  machine.must('systemctl restart postern')
  const answers: string[] = []
  for (const unit of units) {
    postern.until('both are there', areThere)
    for (const signal of ['STOP', 'KILL']) {
      machine.must(['systemctl', 'kill', '-s', signal, unit])
      for (let count = 0; count < 5; count += 1) answers.push(machine.run(asked).stdout)
    }
  }
  assert.equal(answers, Array(20).fill('pong'))
  postern.until('both are there', areThere)
  // Systemd's socket goes, and comes back with a gate that dies while the other holds the former.
  machine.must('postern remote off && postern remote on')
  machine.must(['systemctl', 'kill', '-s', 'KILL', 'postern-gate@1'])
  postern.until('both are there', areThere)
  assert.is(postern.property('postern-remote.socket', 'ActiveState'), 'active')
  machine.must('systemctl reload postern')
  assert.is(machine.run(asked).stdout, 'pong')
  assert.not(/EADDRINUSE|Address already in use/.test(postern.journal('postern*', `--since=@${since}`)))
  machine.must('postern remote off && systemctl disable --now postern-gate@2')
})

test('a switch that the configuration refuses changes nothing', ({ postern }) => {
  const { machine } = postern
  machine.must('postern remote on')
  const file = '/etc/postern/server.d/90-remote.yml'
  const before = machine.must(`cat ${file}`)
  machine.write('/etc/postern/server.d/95-fault.yml', 'nonsense: 1\n')
  const { status, stderr } = machine.run('postern remote off')
  assert.is(status, 1)
  assert.match(stderr, /95-fault\.yml:1:1: nonsense/)
  assert.is(machine.must(`cat ${file}`), before)
  assert.is(machine.run(asked).stdout, 'pong')
  machine.write('/etc/postern/server.d/95-fault.yml', 'remote: true\n')
  assert.match(machine.run('postern remote off').stderr, /95-fault\.yml says remote: true/)
  assert.is(machine.must(`cat ${file}`), before)
  machine.must('rm /etc/postern/server.d/95-fault.yml && postern remote off')
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
