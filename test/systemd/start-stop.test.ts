/** postern.service from start to stop: the token file, the sockets, the sessions that outlive it, the status line. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InstalledPostern } from './installed-postern.ts'

const test = suite<{ postern: InstalledPostern }>('start and stop')

test.before(async context => {
  context.postern = await InstalledPostern.boot()
  context.postern.addAccount('alice', 'alice-Passw0rd')
})
test.after(context => context.postern?.machine.remove())

test('root has a token that works the moment systemctl start returns', ({ postern }) => {
  const script = `systemctl start postern
    curl -s -H "Authorization: Bearer $(cat /run/postern/token)" http://127.0.0.1:7640/postern/v1/me`
  const me = JSON.parse(postern.machine.must(script))
  assert.is(me.user.name, 'root')
  assert.is(me.session.kind, 'root')
  assert.is(postern.machine.must('stat -c "%U:%G %a" /run/postern/token'), 'root:root 400')
})

test('systemctl status shows where it listens', ({ postern }) => {
  assert.is(
    postern.property('postern', 'StatusText'),
    'listening on http://127.0.0.1:7640 http://[::1]:7640 unix:/run/postern-gate/http.sock',
  )
  assert.is(postern.property('postern', 'ActiveState'), 'active')
})

test('systemd holds every listener of the configuration, with a long queue', ({ postern }) => {
  const rows = postern.machine.must('ss -Hltnp "sport = 7640"').split('\n')
  assert.is(rows.length, 2)
  for (const row of rows) {
    assert.match(row, /"systemd",pid=1,/)
    assert.is(row.split(/\s+/)[2], '4096')
  }
  assert.match(postern.machine.must('ss -Hlxp src /run/postern-gate/http.sock'), /"systemd",pid=1,/)
})

test('keeper and gate are what their units say: the gate is nobody', ({ postern }) => {
  const status = postern.machine.must(`cat /proc/${postern.pid('postern-gate@1')}/status`)
  const uid = postern.machine.must('id -u postern')
  assert.match(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'))
  assert.match(status, /^Cap(Eff|Prm|Bnd|Amb|Inh):\s+0+$/m)
  for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) assert.match(status, new RegExp(`^Cap${set}:\\s+0{16}$`, 'm'))
  assert.match(status, /^NoNewPrivs:\s+1$/m)
  assert.match(status, /^Seccomp:\s+2$/m)
  assert.match(status, new RegExp(`^Groups:\\s*(${postern.machine.must('id -g postern')}\\s*)?$`, 'm'))
})

test('a session and a cookie outlive a restart', ({ postern }) => {
  const token = postern.tokenOf('alice', 'alice-Passw0rd')
  const login = postern.login('alice', 'alice-Passw0rd', { cookie: true }, { headers: ['Sec-Fetch-Site: same-origin'] })
  assert.is(login.status, 200)
  const cookie = /^set-cookie: ([^;]+);/im.exec(login.headers)?.[1] ?? ''
  assert.match(cookie, /^postern-7640=/)
  postern.secrets.add(cookie.slice('postern-7640='.length))
  const formerRoot = postern.token()
  postern.machine.must('systemctl restart postern')
  const me = postern.ask('/postern/v1/me', { token })
  assert.is(me.status, 200, me.text)
  assert.is(postern.ask('/postern/v1/me', { headers: [`Cookie: ${cookie}`] }).status, 200)
  assert.is(postern.ask('/postern/v1/me', { token: formerRoot }).status, 401)
  assert.is(postern.ask('/postern/v1/me', { token: postern.token() }).status, 200)
})

test('stop takes the token file and the processes, and says 503 to who knocks', ({ postern }) => {
  postern.token()
  postern.machine.must('systemctl stop postern')
  assert.is(postern.machine.run('test -e /run/postern/token').status, 1)
  assert.is(postern.machine.run(['pgrep', '-f', '/usr/lib/postern/']).stdout, '')
  assert.is(postern.property('postern', 'Result'), 'success')
  const knock = postern.ask('/postern/v1/me')
  assert.is(knock.status, 503, knock.text)
  assert.is(knock.json().code, 'unavailable')
  assert.is(postern.property('postern', 'ActiveState'), 'inactive')
})

test('a gate that said 503 a moment ago serves when systemctl start returns', ({ postern }) => {
  const script = `systemctl start postern; curl -s http://127.0.0.1:7640/ping`
  assert.is(postern.machine.must(script), 'pong')
})

test('a session outlives stop and start', ({ postern }) => {
  const token = postern.tokenOf('alice', 'alice-Passw0rd')
  postern.machine.must('systemctl stop postern && systemctl start postern')
  assert.is(postern.ask('/postern/v1/me', { token }).status, 200)
})

test('nothing went wrong, and the journal holds none of the secrets that were used', ({ postern }) => {
  postern.token()
  const journal = postern.machine.must('journalctl --sync && journalctl --no-pager -o export -a')
  assert.ok(postern.secrets.size >= 8)
  for (const secret of postern.secrets) assert.not(journal.includes(secret), secret)
  assert.is(postern.journal('postern*', '-p warning -o cat'), '')
  assert.is(postern.machine.must('systemctl is-system-running'), 'running')
})

test('a session outlives a reboot, and postern comes up with the machine when it is enabled', async ({ postern }) => {
  const token = postern.tokenOf('alice', 'alice-Passw0rd')
  postern.machine.must('systemctl enable postern')
  await postern.machine.reboot()
  assert.is(postern.property('postern', 'ActiveState'), 'active')
  assert.is(postern.ask('/postern/v1/me', { token }).status, 200)
})

test.run()
