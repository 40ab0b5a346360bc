/** systemctl reload and faulty configurations: what is taken over, what is refused, and what is said of it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InstalledPostern } from './installed-postern.ts'

const test = suite<{ postern: InstalledPostern }>('reload')

const allow = (users: string[]) => ({ login: { failure_delay_seconds: 0.5, allow: { users } } })

test.before(async context => {
  context.postern = await InstalledPostern.boot()
  context.postern.addAccount('bob', 'bob-Passw0rd', 'users')
  context.postern.start()
})
test.after(context => context.postern?.machine.remove())

test('a reload lets in whom the new configuration allows', ({ postern }) => {
  const { machine } = postern
  assert.is(postern.login('bob', 'bob-Passw0rd').status, 401)
  const pids = [postern.pid('postern'), postern.pid('postern-gate@1')]
  postern.configure(allow(['root', 'bob']))
  machine.must('systemctl reload postern')
  assert.is(postern.login('bob', 'bob-Passw0rd').status, 200)
  assert.equal([postern.pid('postern'), postern.pid('postern-gate@1')], pids)
  assert.is(postern.property('postern', 'ActiveState'), 'active')
  assert.match(postern.property('postern', 'StatusText'), /^listening on .*; the configuration was read again$/)
})

test('a role given by a reload counts for a session that is open', ({ postern }) => {
  const token = postern.tokenOf('bob', 'bob-Passw0rd')
  assert.is(postern.ask('/postern/v1/check?permission=session.manage', { token }).status, 403)
  postern.configure({ ...allow(['root', 'bob']), roles: { admin: { users: ['root', 'bob'] } } })
  postern.machine.must('systemctl reload postern')
  assert.is(postern.ask('/postern/v1/check?permission=session.manage', { token }).status, 200)
})

test('the throttle follows a reload', ({ postern }) => {
  const wrong = () => postern.login('bob', 'not-bobs-Passw0rd', {}, { user: 'bob' }).status
  postern.configure({ ...allow(['root', 'bob']), throttle: { free_failures: 1, first_penalty_seconds: 60 } })
  postern.machine.must('systemctl reload postern')
  assert.equal([wrong(), wrong(), wrong()], [401, 401, 429])
  postern.configure({ ...allow(['root', 'bob']), insecure: { throttle_off: true } })
  postern.machine.must('systemctl reload postern')
  assert.is(wrong(), 401)
  assert.match(postern.journal('postern', '-p warning'), /insecure\.throttle_off is on: it weakens safety/)
  postern.configure(allow(['root', 'bob']))
  postern.machine.must('systemctl reload postern')
  assert.is(wrong(), 429)
})

const broken = [
  {
    name: 'a key that there is not',
    text: 'login:\n  alow: {users: [bob]}\n',
    says: '/etc/postern/server.yml:2:3: login.alow',
  },
  { name: 'a text that is no YAML', text: 'login: [\n', says: '/etc/postern/server.yml:' },
  { name: 'a PAM service without a file', text: 'pam:\n  service: posternn\n', says: '/etc/postern/server.yml:2:' },
  { name: 'what this version does not serve', text: 'dialects: all\n', says: '/etc/postern/server.yml:1:' },
]
for (const { name, text, says } of broken) {
  test(`a reload with ${name} fails, names the place, and leaves the former configuration in force`, ({ postern }) => {
    postern.machine.must('journalctl --rotate && journalctl --vacuum-time=1s')
    postern.machine.write('/etc/postern/server.yml', text)
    const { status, stderr } = postern.machine.run('systemctl reload postern')
    assert.is(status, 1)
    assert.match(stderr, /Job for postern\.service failed/)
    assert.ok(postern.journal('postern').includes(says), postern.journal('postern'))
    assert.is(postern.property('postern', 'ActiveState'), 'active')
    assert.match(postern.property('postern', 'StatusText'), /^listening on .*; the last reload was refused/)
    assert.is(postern.login('bob', 'bob-Passw0rd', {}, { door: 'unix' }).status, 200)
  })
}

test('SIGHUP is a reload too, and says in the journal what it refused, a line for each fault', ({ postern }) => {
  postern.machine.write('/etc/postern/server.yml', 'nonsense: 1\nlog:\n  level: loud\n')
  postern.machine.must('systemctl kill --kill-whom=main -s HUP postern')
  postern.until('the refusal is in the journal', () => /server\.yml:3/.test(postern.journal('postern', '-p err')))
  assert.match(postern.journal('postern', '-p err'), /server\.yml:1:1: nonsense/)
  postern.configure(allow(['root', 'bob']))
  postern.machine.must('systemctl kill --kill-whom=main -s HUP postern')
  postern.until('the status line says so', () => /was read again$/.test(postern.property('postern', 'StatusText')))
})

test('a change that waits for a restart is said, and is in force after it', ({ postern }) => {
  const listen = [{ unix: 'http.sock' }, { address: '127.0.0.1', port: 7640 }, { address: '127.0.0.1', port: 7699 }]
  postern.configure({ ...allow(['root', 'bob']), listen })
  postern.machine.must('systemctl reload postern')
  assert.match(postern.journal('postern', '-p warning'), /listen has changed: it waits for a restart/)
  assert.is(postern.ask('/ping', { door: 'ipv6' }).status, 200)
  postern.machine.must('systemctl restart postern')
  postern.until('the gate has found its sockets', () => /7699/.test(postern.journal('postern-gate@1')))
  const journal = postern.journal('postern-gate@1', '-o cat')
  assert.match(journal, /^http:\/\/127\.0\.0\.1:7699 is not served: systemd passed no such socket$/m)
  assert.match(journal, /a socket that systemd passed is in no listener of the configuration.*\[::1\]:7640/)
  assert.is(postern.ask('/ping').status, 200)
  assert.is(postern.ask('/ping', { door: 'unix' }).status, 200)
})

test('a gate that no socket fits stays, says so, and is not started over and over', ({ postern }) => {
  postern.configure({ ...allow(['root']), listen: [{ address: '127.0.0.1', port: 7699 }] })
  postern.machine.must('systemctl restart postern')
  postern.until('the gate has looked', () => /7699/.test(postern.journal('postern-gate@1', '-n 5')))
  postern.ask('/ping', { timeoutSeconds: 1 })
  assert.is(postern.property('postern-gate@1', 'NRestarts'), '0')
  assert.is(postern.property('postern-gate@1', 'ActiveState'), 'active')
  postern.configure(allow(['root', 'bob']))
  postern.machine.must('systemctl restart postern')
  assert.is(postern.ask('/ping').status, 200)
})

const unstartable = [
  {
    name: 'a faulty configuration',
    make: 'echo "login: {alow: {}}" >/etc/postern/server.yml',
    says: /server\.yml:1:9: login\.alow/,
  },
  {
    name: 'a configuration that others can write',
    make: 'chmod 0666 /etc/postern/server.yml',
    says: /server\.yml/,
  },
  {
    name: 'a missing PAM service',
    make: 'mv /etc/pam.d/postern /root/',
    says: /pam service postern: no such file in \/etc\/pam\.d or \/usr\/lib\/pam\.d/,
    mend: 'mv /root/postern /etc/pam.d/',
  },
  {
    name: 'no user for the gate',
    make: 'echo "gate: {user: nosuch}" >/etc/postern/server.yml',
    says: /server\.yml:1:\d+: gate\.user: there is no user nosuch/,
  },
]
for (const { name, make, says, mend } of unstartable) {
  test(`a start with ${name} fails once with status 78, and says why`, ({ postern }) => {
    const { machine } = postern
    machine.must('systemctl stop postern; journalctl --rotate && journalctl --vacuum-time=1s')
    machine.must(make)
    assert.is(machine.run('systemctl start postern').status, 1)
    assert.is(postern.property('postern', 'ExecMainStatus'), '78')
    assert.is(postern.property('postern', 'ActiveState'), 'failed')
    assert.is(postern.property('postern', 'NRestarts'), '0')
    assert.match(postern.journal('postern', '-p err'), says)
    assert.is(machine.run('test -e /run/postern/token').status, 1)
    machine.must(`${mend ?? 'true'}; chmod 0644 /etc/postern/server.yml`)
    postern.configure(allow(['root', 'bob']))
    machine.must('systemctl start postern')
  })
}

test.run()
