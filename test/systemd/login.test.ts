/** Logins inside the hardened units: real accounts, the machine's own PAM stack, every door. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Door, InstalledPostern, type Reply } from './installed-postern.ts'

const test = suite<{ postern: InstalledPostern }>('login under systemd')

/** Wrong passwords are tried here more often than a person would. */
const patient = { throttle: { free_failures: 50 } }

test.before(async context => {
  const postern = await InstalledPostern.boot(patient)
  context.postern = postern
  postern.addAccount('alice', 'alice-Passw0rd')
  postern.addAccount('mallory', 'mallory-Passw0rd', 'users')
  postern.start()
})
test.after(context => context.postern?.machine.remove())

for (const door of ['ipv4', 'ipv6', 'unix'] satisfies Door[]) {
  test(`alice logs in by ${door}, and her token works at every door`, ({ postern }) => {
    const reply = postern.login('alice', 'alice-Passw0rd', {}, { door })
    assert.is(reply.status, 200, reply.text)
    const token = String(reply.json().access_token)
    for (const other of ['ipv4', 'ipv6', 'unix'] satisfies Door[])
      assert.is(postern.ask('/postern/v1/me', { token, door: other }).status, 200)
  })
}

test('a wrong password, an unknown user and one who is not let in get the same answer', ({ postern }) => {
  const answers = [
    postern.login('alice', 'not-alices-Passw0rd'),
    postern.login('nobody-here', 'any-Passw0rd'),
    postern.login('mallory', 'mallory-Passw0rd'),
  ]
  for (const { status, text } of answers) assert.equal([status, text], [401, answers[0]?.text])
})

test("root's token is refused to who comes by the UNIX socket or through a proxy", ({ postern }) => {
  const token = postern.token()
  assert.is(postern.ask('/postern/v1/me', { token }).status, 200)
  assert.is(postern.ask('/postern/v1/me', { token, door: 'unix' }).status, 401)
  assert.is(postern.ask('/postern/v1/me', { token, headers: ['X-Forwarded-For: 127.0.0.1'] }).status, 401)
})

const changed = 'Another-Passw0rd-9'

function answer(postern: InstalledPostern, before: Reply, answers: string[]): Reply {
  assert.is(before.status, 401, before.text)
  const { code, conversation } = before.json()
  assert.is(code, 'login_continues', before.text)
  for (const text of answers) postern.secrets.add(text)
  return postern.ask('/postern/v1/login/answer', { body: { conversation, answers } })
}

/** The kinds of the prompts that a login stopped at. */
function kinds(reply: Reply): unknown[] {
  const { prompts } = reply.json()
  return Array.isArray(prompts) ? prompts.map(prompt => prompt.kind) : []
}

test('an expired password is changed within the login, in the shadow file of the machine', ({ postern }) => {
  postern.machine.must('chage -d 0 alice')
  const before = postern.machine.must('getent shadow alice')
  let reply = postern.login('alice', 'alice-Passw0rd')
  while (reply.status === 401 && reply.json().code === 'login_continues') {
    const secrets = kinds(reply).filter(kind => kind === 'secret' || kind === 'text').length
    const { prompts } = reply.json()
    const asksForOld = /current/i.test(JSON.stringify(prompts))
    reply = answer(
      postern,
      reply,
      Array.from({ length: secrets }, () => (asksForOld ? 'alice-Passw0rd' : changed)),
    )
  }
  assert.is(reply.status, 200, reply.text)
  assert.is.not(postern.machine.must('getent shadow alice'), before)
  assert.is(postern.machine.must('stat -c "%U:%G %a" /etc/shadow'), 'root:shadow 640')
  assert.is(postern.login('alice', changed).status, 200)
  assert.is(postern.login('alice', 'alice-Passw0rd').status, 401)
})

test('a locked account and an expired one are refused', ({ postern }) => {
  for (const [lock, unlock] of [
    ['usermod --lock alice', 'usermod --unlock alice'],
    ['usermod --expiredate 1 alice', 'usermod --expiredate "" alice'],
  ] as const) {
    postern.machine.must(lock)
    assert.is(postern.login('alice', changed).status, 401, lock)
    postern.machine.must(unlock)
    assert.is(postern.login('alice', changed).status, 200, unlock)
  }
})

test('root may do without a password what the command offers, and an ordinary user after a login', ({ postern }) => {
  const status = JSON.parse(postern.machine.must('postern status --json'))
  assert.equal(status.listeners.sort(), [
    'http://127.0.0.1:7640',
    'http://[::1]:7640',
    'unix:/run/postern-gate/http.sock',
  ])
  const home = 'HOME=/tmp/alice XDG_STATE_HOME=/tmp/alice'
  postern.machine.must('install -d -o alice -m 0700 /tmp/alice')
  const login = `cat >/tmp/alice/pw && ${home} postern login --password-stdin </tmp/alice/pw && ${home} postern whoami`
  const { stdout, stderr } = postern.machine.run(login, { user: 'alice', input: `${changed}\n` })
  assert.match(stdout, /alice/, stderr)
  assert.is(postern.machine.run('HOME=/nonexistent postern status', { user: 'mallory' }).status, 77)
})

test('the audit trail is written, and says who did what', ({ postern }) => {
  const trail = postern.trail()
  const logins = trail.filter(line => line.event === 'login.begin' || line.event === 'login.answer')
  assert.ok(logins.some(line => line.outcome === 'ok' && line.user === 'alice'))
  assert.ok(logins.some(line => line.outcome === 'refused' && line.reason === 'not_in_login_allow'))
  assert.equal(
    trail.map(({ seq }) => seq),
    trail.map((_, index) => index + 1),
  )
  assert.is(postern.machine.must('stat -c "%U:%G %a" /var/log/postern/audit.log'), 'root:root 600')
})

test('jwt_secret comes from a systemd credential, and no child and no journal knows it', ({ postern }) => {
  const secret = 'a-secret-of-more-than-thirty-two-bytes'
  postern.secrets.add(secret)
  postern.machine.write('/etc/credstore/postern.jwt_secret', secret, '0600')
  postern.configure({ ...patient, token: { algorithm: 'HS256' } })
  postern.machine.must('systemctl restart postern')
  const token = postern.tokenOf('alice', changed)
  assert.is(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).alg, 'HS256')
  assert.is(postern.ask('/postern/v1/me', { token }).status, 200)
  // The former key is still there for the tokens it signed; the secret is none for others to see.
  assert.not.match(postern.ask('/.well-known/jwks.json').text, /"oct"|HS256/)
  const pids = [postern.pid('postern'), postern.pid('postern-gate@1')]
  for (const pid of pids) assert.not(postern.machine.must(`cat /proc/${pid}/environ | tr '\\0' '\\n'`).includes(secret))
})

test('neither the journal nor the audit trail holds a secret that was used', ({ postern }) => {
  const written = postern.machine.must('journalctl --sync; journalctl --no-pager -o export -a; cat /var/log/postern/*')
  assert.ok(postern.secrets.size > 20)
  for (const secret of postern.secrets) assert.not(written.includes(secret), secret)
})

test.run()
