import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { secretVariables } from '../../server/config/environment.ts'
import { loadConfig } from '../../server/config/load.ts'
import { redactedConfig } from '../../server/config/show.ts'
import { briefly, createDirectory, faultsOf, loadText, requireLoaded } from './directory.ts'

const test = suite('config/layers')
const SECRET = 's'.repeat(40)
let directory: ReturnType<typeof createDirectory>
test.before.each(() => {
  directory = createDirectory()
})
test.after.each(() => directory.remove())

const load = (file: string, env = {}, uid = 0) => loadConfig({ file, env, uid })
const messages = async (file: string, uid = 0) =>
  faultsOf(await load(file, {}, uid)).map(({ file, message }) => `${file}: ${message}`)

test('files lie over each other in the order of their names, the environment over all', async () => {
  directory.write(
    'etc/postern/server.yml',
    'token: { access_seconds: 10, refresh_seconds: 100 }\nhosts: [a, b]\nlog: { level: debug }\nkiosk: { user: k }',
  )
  directory.write('etc/postern/server.d/20-b.yml', 'token:\nhosts: [d]\nkiosk: null')
  directory.write('etc/postern/server.d/10-a.yml', 'token: { access_seconds: 20 }\nhosts: [c]')
  directory.write('etc/postern/server.d/.hidden.yml', 'remote: true')
  directory.write('etc/postern/server.d/note.txt', 'remote: true')
  const env = {
    POSTERN_TOKEN__REFRESH_SECONDS: '200',
    PATH: '/bin',
    POSTERN_HOST: 'x',
    POSTERN_RUNTIME: '/x',
    POSTERN_HINTS: '1',
    POSTERN_FINGERPRINT: 'f',
  }
  const { config, sources } = requireLoaded(await loadConfig({ env, uid: 0, root: directory.path }))
  assert.equal(
    [
      config.token.access_seconds,
      config.token.refresh_seconds,
      config.hosts,
      config.log.level,
      config.remote,
      config.kiosk,
    ],
    [20, 200, ['d'], 'debug', false, null],
  )
  const etc = join(directory.path, 'etc/postern')
  assert.equal(sources, [
    `${etc}/server.yml`,
    `${etc}/server.d/10-a.yml`,
    `${etc}/server.d/20-b.yml`,
    'environment POSTERN_TOKEN__REFRESH_SECONDS',
  ])
})

test("an explicit file has a directory of its own name, and the default's are not read", async () => {
  directory.write('etc/postern/server.yml', 'remote: true')
  const file = directory.write('mine.yml', 'hosts: [a]')
  directory.write('mine.d/x.yml', 'hosts: [b]')
  const outcome = await loadConfig({ file, env: {}, uid: 0, root: directory.path })
  assert.equal(requireLoaded(outcome).config.hosts, ['b'])
  assert.is(requireLoaded(outcome).config.remote, false)
})

test('a missing explicit file is a fault', async () => {
  assert.equal(await messages(join(directory.path, 'none.yml')), [`${directory.path}/none.yml: no such file`])
})

test('a dangling link in the place of the default file is a fault', async () => {
  mkdirSync(join(directory.path, 'etc/postern'), { recursive: true })
  symlinkSync('/nonexistent/x', join(directory.path, 'etc/postern/server.yml'))
  const faults = faultsOf(await loadConfig({ env: {}, uid: 0, root: directory.path }))
  assert.equal(
    faults.map(fault => fault.message),
    ['a link that leads nowhere'],
  )
})

test('faults of all files and of the environment come together, each with its place', async () => {
  const file = directory.write('a.yml', 'remote: 1')
  const other = directory.write('a.d/b.yml', '\ngate: { workers: 0 }')
  const faults = faultsOf(await load(file, { POSTERN_LOG__LEVEL: 'loud' }))
  assert.equal(
    faults.map(fault => [fault.file, fault.line, fault.path]),
    [
      [file, 1, 'remote'],
      [other, 2, 'gate.workers'],
      ['environment POSTERN_LOG__LEVEL', undefined, 'log.level'],
    ],
  )
})

test('a broken file does not make others look incomplete, and nothing is loaded', async () => {
  const file = directory.write('a.yml', 'token: { algorithm: HS256 }\nkiosk: { role: viewer }\nremote: 3')
  directory.write('a.d/b.yml', 'jwt_secret: [')
  assert.equal(
    faultsOf(await load(file)).map(fault => fault.path),
    ['remote', ''],
  )
  directory.write('a.yml', 'remote: true')
  assert.is((await load(file)).ok, false)
})

const modes: { name: string; mode: number; text: string; expect: string[] }[] = [
  { name: 'a secret in 0600', mode: 0o600, text: `jwt_secret: ${SECRET}`, expect: [] },
  { name: 'a secret in 0400', mode: 0o400, text: `jwt_secret: ${SECRET}`, expect: [] },
  {
    name: 'a secret in 0640',
    mode: 0o640,
    text: `jwt_secret: ${SECRET}`,
    expect: ['the file holds a secret and has mode 0640, expected 0600'],
  },
  {
    name: 'a secret in 0604',
    mode: 0o604,
    text: `jwt_secret: ${SECRET}`,
    expect: ['the file holds a secret and has mode 0604, expected 0600'],
  },
  {
    name: 'a misplaced secret in 0644',
    mode: 0o644,
    text: `token: { jwt_secret: ${SECRET} }`,
    expect: ['the file holds a secret and has mode 0644, expected 0600', 'unknown key'],
  },
  {
    name: 'a short secret in 0644',
    mode: 0o644,
    text: 'jwt_secret: x',
    expect: [
      'the file holds a secret and has mode 0644, expected 0600',
      'expected a text of 32 to 1024 bytes, found a text of another length',
    ],
  },
  {
    name: 'a secret in a broken file in 0644',
    mode: 0o644,
    text: `jwt_secret: '${SECRET}`,
    expect: [
      'a closing quote or bracket, a comma or a space is missing',
      'the file holds a secret and has mode 0644, expected 0600',
    ],
  },
  { name: 'no secret in 0644', mode: 0o644, text: 'remote: true', expect: [] },
  {
    name: 'a file its group may write',
    mode: 0o664,
    text: 'remote: true',
    expect: ['writable by others (mode 0664), expected by its owner alone'],
  },
  {
    name: 'a file everybody may write',
    mode: 0o646,
    text: 'remote: true',
    expect: ['writable by others (mode 0646), expected by its owner alone'],
  },
]
for (const { name, mode, text, expect } of modes) {
  test(`${expect.length > 0 ? 'refuses' : 'accepts'} ${name}`, async () => {
    const faults = faultsOf(await load(directory.write('a.yml', text, mode)))
    assert.equal(faults.map(fault => fault.message).sort(), expect.sort())
  })
}

test("another user's file is refused unread, root's and one's own are not", async () => {
  const file = directory.write('a.yml', 'nonsense: 1')
  chownSync(file, 12345, 12345)
  assert.equal(await messages(file), [`${file}: owned by uid 12345, expected root`])
  assert.equal(await messages(file, 54321), [`${file}: owned by uid 12345, expected root or yourself`])
  assert.equal(await messages(file, 12345), [`${file}: unknown key`])
  chownSync(file, 0, 0)
  assert.equal(await messages(file, 12345), [`${file}: unknown key`])
})

test("a link to another user's file is as bad as the file", async () => {
  const file = directory.write('theirs.yml', 'remote: true')
  chownSync(file, 12345, 12345)
  symlinkSync(file, join(directory.path, 'a.yml'))
  assert.equal(await messages(join(directory.path, 'a.yml')), [
    `${directory.path}/a.yml: owned by uid 12345, expected root`,
  ])
})

test('a directory of files that others may write is refused', async () => {
  const file = directory.write('a.yml', '')
  directory.write('a.d/b.yml', 'remote: true')
  chmodSync(join(directory.path, 'a.d'), 0o775)
  assert.equal(await messages(file), [
    `${directory.path}/a.d: writable by others (mode 0775), expected by its owner alone`,
  ])
  chmodSync(join(directory.path, 'a.d'), 0o755)
  chownSync(join(directory.path, 'a.d'), 12345, 0)
  assert.equal(await messages(file), [`${directory.path}/a.d: owned by uid 12345, expected root`])
})

test('what is no regular file, too long or not UTF-8 is refused and holds nothing up', async () => {
  const fifo = join(directory.path, 'fifo.yml')
  execFileSync('mkfifo', ['-m', '600', fifo])
  assert.equal(await messages(fifo), [`${fifo}: expected a regular file`])
  assert.match((await messages(directory.path))[0] ?? '', 'expected a regular file')
  const long = directory.write('long.yml', `# ${'x'.repeat(256 * 1024)}`)
  assert.equal(await messages(long), [`${long}: too long, expected at most 256 KiB`])
  const bytes = directory.write('bytes.yml', Buffer.from([0x61, 0x3a, 0xff]))
  assert.equal(await messages(bytes), [`${bytes}: expected text in UTF-8`])
})

const variables: { name: string; value: string; expect: unknown }[] = [
  { name: 'POSTERN_REMOTE', value: 'true', expect: [['remote', true]] },
  { name: 'POSTERN_GATE__WORKERS', value: '4', expect: [['gate.workers', 4]] },
  { name: 'POSTERN_HOSTS', value: '[a, b]', expect: [['hosts', ['a', 'b']]] },
  { name: 'POSTERN_GATE__USER', value: '1000', expect: [['gate.user', '1000']] },
  {
    name: 'POSTERN_DIALECTS',
    value: 'all',
    expect: [['dialects', ['agama', 'lumo', 'infinitystone', 'appmesh', 'attune']]],
  },
  {
    name: 'POSTERN_PAM',
    value: '{ children: 5, step_seconds: 9 }',
    expect: [
      ['pam.children', 5],
      ['pam.step_seconds', 9],
    ],
  },
  { name: 'POSTERN_ROLES__VIEWER__USERS', value: '[ann]', expect: [['roles.viewer.users', ['ann']]] },
  { name: 'POSTERN_JWT_SECRET', value: '12345678901234567890123456789012', expect: [['jwt_secret', '[secret]']] },
]
for (const { name, value, expect } of variables) {
  test(`reads ${name}=${value}`, async () => {
    const shown = redactedConfig(requireLoaded(await loadText('', { [name]: value })))
    assert.equal(
      shown.filter(one => one.from === `environment ${name}`).map(one => [one.key, one.value]),
      expect,
    )
  })
}

const badVariables: { name: string; value: string; expect: string }[] = [
  { name: 'POSTERN_TOKN__ACCESS_SECONDS', value: '9', expect: '-:- tokn: unknown key' },
  { name: 'POSTERN_TOKEN__ACCES_SECONDS', value: '9', expect: '-:- token.acces_seconds: unknown key' },
  { name: 'POSTERN_TOKEN__JWT_SECRET', value: SECRET, expect: '-:- token.jwt_secret: unknown key' },
  {
    name: 'POSTERN_JWT_SECRET',
    value: 'sss',
    expect: '-:- jwt_secret: expected a text of 32 to 1024 bytes, found a text of another length',
  },
  { name: 'POSTERN_TOKN', value: '[', expect: '-:- tokn: unknown key' },
  { name: 'POSTERN_TOKEN_ACCESS_SECONDS', value: '9', expect: '-:- token_access_seconds: unknown key' },
  { name: 'POSTERN_', value: '9', expect: '-:- : expected a name like POSTERN_TOKEN__ACCESS_SECONDS' },
  { name: 'POSTERN___PROTO____X', value: '9', expect: '-:- : expected a name like POSTERN_TOKEN__ACCESS_SECONDS' },
  {
    name: 'POSTERN_token__access_seconds',
    value: '9',
    expect: '-:- : expected a name like POSTERN_TOKEN__ACCESS_SECONDS',
  },
  {
    name: 'POSTERN_GATE__WORKERS',
    value: '[',
    expect: '-:- gate.workers: a closing quote or bracket, a comma or a space is missing',
  },
  { name: 'POSTERN_REMOTE', value: '', expect: '-:- remote: expected true or false, found nothing' },
]
for (const { name, value, expect } of badVariables) {
  test(`refuses ${name}=${value.slice(0, 3)}`, async () => {
    const faults = faultsOf(await loadText('', { [name]: value }))
    assert.equal(faults.map(briefly), [expect])
    assert.is(faults[0]?.file, `environment ${name}`)
    assert.not.match(JSON.stringify(faults), 'sss')
  })
}

test('the variables that hold a secret are named, so that they can be deleted', () => {
  const env = {
    POSTERN_JWT_SECRET: 'x',
    POSTERN_TOKEN__JWT_SECRET: 'y',
    postern_jwt_secret: 'z',
    POSTERN_REMOTE: 'true',
    POSTERN_jwt_secret: 'v',
  }
  assert.equal(secretVariables(env), ['POSTERN_JWT_SECRET', 'POSTERN_TOKEN__JWT_SECRET', 'POSTERN_jwt_secret'])
})

test('the secret comes from the credential, without its line end, and the environment is stronger', async () => {
  const file = directory.write('a.yml', `token: { algorithm: HS256 }\njwt_secret: ${'f'.repeat(32)}`)
  directory.write('credentials/jwt_secret', `${SECRET}\n`, 0o400)
  const env = { CREDENTIALS_DIRECTORY: join(directory.path, 'credentials') }
  const outcome = requireLoaded(await load(file, env))
  assert.is(outcome.config.jwt_secret?.reveal(), SECRET)
  assert.equal(outcome.sources, [file, 'credential jwt_secret'])
  assert.is(redactedConfig(outcome).find(one => one.key === 'jwt_secret')?.from, 'credential jwt_secret')
  const stronger = requireLoaded(await load(file, { ...env, POSTERN_JWT_SECRET: 'e'.repeat(32) }))
  assert.is(stronger.config.jwt_secret?.reveal(), 'e'.repeat(32))
})

test('a credential that others can read is a fault, a missing one is none', async () => {
  directory.write('credentials/jwt_secret', SECRET, 0o644)
  const file = directory.write('a.yml', '')
  const faults = faultsOf(await load(file, { CREDENTIALS_DIRECTORY: join(directory.path, 'credentials') }))
  assert.equal(faults.map(briefly), ['-:- jwt_secret: has mode 0644, expected 0400'])
  assert.is(faults[0]?.file, 'credential jwt_secret')
  assert.ok((await load(file, { CREDENTIALS_DIRECTORY: '/nonexistent' })).ok)
})

test('what is shown names the place of each value and hides the secret', async () => {
  const file = directory.write(
    'a.yml',
    `jwt_secret: ${SECRET}\n\ntoken:\n  access_seconds: 10\nroles: { viewer: { users: [v] } }\n`,
  )
  directory.write('a.d/b.yml', '\nlisten: [{ unix: x }]')
  const shown = redactedConfig(requireLoaded(await load(file)))
  const at = (key: string) => shown.filter(one => one.key === key).map(one => [one.value, one.from])[0]
  assert.equal(at('jwt_secret'), ['[secret]', `${file}:1`])
  assert.equal(at('token.access_seconds'), [10, `${file}:4`])
  assert.equal(at('token.refresh_seconds'), [604800, 'default'])
  assert.equal(at('roles.viewer.users'), [['v'], `${file}:5`])
  assert.equal(at('roles.admin.groups'), [['sudo', 'wheel'], 'default'])
  assert.equal(at('listen'), [[{ unix: '/run/postern-gate/x' }], `${directory.path}/a.d/b.yml:2`])
  assert.equal(at('kiosk'), [null, 'default'])
  assert.not.match(JSON.stringify(shown), 'sss')
  assert.equal(
    shown.filter(one => one.about === '').map(one => one.key),
    [],
  )
})

test.run()
