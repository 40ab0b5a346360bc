import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../server/config/load.ts'
import { describeKeys } from '../../server/config/outline.ts'
import { defaultPaths } from '../../server/config/paths.ts'
import { configSchema } from '../../server/config/schema.ts'
import { createDirectory, loadText, requireLoaded } from './directory.ts'

const test = suite('config/defaults')
const directory = createDirectory()
test.after(() => directory.remove())

const load = async (text: string, env = {}) => requireLoaded(await loadText(text, env)).config

test('without any file everything has its default', async () => {
  const { config, sources, insecure } = requireLoaded(await loadConfig({ env: {}, uid: 0, root: directory.path }))
  assert.equal(config, {
    paths: {
      runtime: '/run/postern',
      gate_runtime: '/run/postern-gate',
      state: '/var/lib/postern',
      gate_state: '/var/lib/postern-gate',
      log: '/var/log/postern',
      jobs: '/etc/postern/jobs.d',
    },
    listen: [
      { unix: '/run/postern-gate/http.sock' },
      { address: '127.0.0.1', port: 7640, tls: false },
      { address: '::1', port: 7640, tls: false },
    ],
    remote: false,
    tls: { hsts_seconds: 0 },
    hosts: [],
    trusted_proxies: [],
    dialects: [],
    pam: {
      service: 'postern',
      backend: 'conversation',
      children: 10,
      children_per_source: 2,
      children_for_local: 2,
      step_seconds: 30,
      total_seconds: 120,
    },
    login: { allow: { users: ['root'], groups: ['sudo', 'wheel'] }, failure_delay_seconds: 2 },
    roles: { admin: { users: ['root'], groups: ['sudo', 'wheel'] } },
    kiosk: null,
    token: { algorithm: 'EdDSA', access_seconds: 3600, refresh_seconds: 604800, max_seconds: 2592000 },
    keys: 'persistent',
    session: { cookie_seconds: 86400, idle_seconds: 28800 },
    gate: { workers: 1, user: 'postern' },
    throttle: {
      free_failures: 3,
      first_penalty_seconds: 5,
      max_penalty_seconds: 600,
      forget_seconds: 600,
      account_burst: 10,
      account_interval_seconds: 2,
      max_sources: 65536,
    },
    log: { level: 'info' },
    insecure: { throttle_off: false },
  })
  assert.equal([sources, insecure], [[], []])
})

test('an empty file, a comment and empty sections are the defaults', async () => {
  const bare = await load('')
  for (const text of [
    '# nothing\n',
    'token:\nlogin:\nroles:\ninsecure:\n',
    'login: { allow: }',
    '---\n...\n',
    '\uFEFF{}',
  ]) {
    assert.equal(await load(text), bare, text)
  }
})

test('the schema alone has the same defaults as the loading for root', async () => {
  const { listen: _, ...parsed } = configSchema.parse({})
  const { listen: __, ...loaded } = await load('')
  assert.equal(parsed, loaded)
})

test('the YAML parser is loaded for a file and not without one', () => {
  const load = new URL('../../server/config/load.ts', import.meta.url)
  const script = (options: string) => `
    const { loadConfig } = await import('${load}')
    await loadConfig(${options})
    const { createRequire } = await import('node:module')
    const loaded = Object.keys(createRequire('/').cache).filter(name => name.includes('/node_modules/yaml/'))
    process.stdout.write(String(loaded.length > 0))`
  const run = (options: string) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script(options)], { encoding: 'utf8' })
  const env = JSON.stringify({ POSTERN_LOG__LEVEL: 'debug', POSTERN_JWT_SECRET: 'x'.repeat(32) })
  assert.is(run(`{ env: ${env}, root: '${directory.path}' }`), 'false')
  assert.is(run(`{ env: {}, file: '${directory.write('one.yml', 'remote: false')}' }`), 'true')
})

test('who may log in is not widened by a default beside what is written', async () => {
  const { login, roles } = await load('login: { allow: { users: [ann] } }\nroles: { admin: { users: [ann] } }')
  assert.equal(login.allow, { users: ['ann'], groups: [] })
  assert.equal(roles.admin, { users: ['ann'], groups: [] })
})

test('another role leaves admin as it is', async () => {
  const { roles } = await load('roles: { viewer: { groups: [staff] } }')
  assert.equal(roles.admin, { users: ['root'], groups: ['sudo', 'wheel'] })
  assert.equal(roles.viewer, { users: [], groups: ['staff'] })
})

test('values are brought into one form', async () => {
  const config = await load(`
paths: { gate_runtime: /srv/gate/ }
listen: [{ unix: a.sock }, { unix: /srv/b.sock }, { address: '0:0::1', port: 80 }, { address: '*', port: 443, tls: true }]
hosts: [Box.Example.]
dialects: all
trusted_proxies: [10.0.0.0/8, 'fd00::/8', 192.0.2.1, unix]
`)
  assert.is(config.paths.gate_runtime, '/srv/gate')
  assert.equal(config.listen, [
    { unix: '/srv/gate/a.sock' },
    { unix: '/srv/b.sock' },
    { address: '::1', port: 80, tls: false },
    { address: '*', port: 443, tls: true },
  ])
  assert.equal(config.hosts, ['box.example'])
  assert.equal(config.dialects, ['agama', 'lumo', 'infinitystone', 'appmesh', 'attune'])
  assert.equal((await load('dialects: [attune, lumo, lumo]')).dialects, ['lumo', 'attune'])
})

test('a custom role, a kiosk and HS256 with its secret pass', async () => {
  const config = await load(`
roles: { installer: { groups: [staff], permissions: [job.*, session.manage] }, constructor: { permissions: ['*'] } }
kiosk: { user: kiosk, role: installer }
token: { algorithm: HS256, issuer: https://box.example }
jwt_secret: ${'é'.repeat(16)}
`)
  assert.equal(config.kiosk, { user: 'kiosk', role: 'installer' })
  assert.is(config.jwt_secret?.reveal(), 'é'.repeat(16))
  assert.not.match(JSON.stringify(config), 'é')
})

test('every insecure switch that is on is named', async () => {
  assert.equal(requireLoaded(await loadText('insecure: { throttle_off: true }')).insecure, ['insecure.throttle_off'])
})

test('an ordinary user has XDG paths, relative variables are ignored', () => {
  const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/7', XDG_STATE_HOME: 'state', XDG_CONFIG_HOME: '/cfg' }
  assert.equal(defaultPaths(7, env), {
    config: '/cfg/postern/server.yml',
    paths: {
      runtime: '/run/user/7/postern',
      gate_runtime: '/run/user/7/postern-gate',
      state: '/home/ann/.local/state/postern',
      gate_state: '/home/ann/.local/state/postern-gate',
      log: '/home/ann/.local/state/postern/log',
      jobs: '/cfg/postern/jobs.d',
    },
  })
  assert.is(defaultPaths(7, {}).paths.runtime, '/run/user/7/postern')
  assert.is(defaultPaths(0, env).config, '/etc/postern/server.yml')
})

test('every key is explained, in one line', () => {
  const keys = describeKeys()
  const written = keys.filter(({ about }) => about === '' || /\n|\.$/.test(about) || about.length > 110)
  assert.equal(written, [])
  const leaves = Object.keys(configSchema.shape).filter(name => !keys.some(({ key }) => key === name))
  assert.equal(leaves, [])
  assert.equal(keys.find(({ key }) => key === 'token.access_seconds')?.default, 3600)
  for (const key of ['listen[].port', 'roles.NAME.permissions', 'kiosk.user', 'insecure.throttle_off', 'jwt_secret']) {
    assert.ok(
      keys.some(one => one.key === key),
      key,
    )
  }
})

test.run()
