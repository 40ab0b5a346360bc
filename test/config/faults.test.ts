import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatFaults } from '../../server/config/fault.ts'
import { briefly, faultsOf, loadText } from './directory.ts'

const test = suite('config/faults')

const secret = 'hunter2hunter2'

/** Each text has exactly these faults, in this order. */
const table: { name: string; text: string; expect: string[]; hint?: string }[] = [
  // The text itself.
  {
    name: 'an unclosed bracket',
    text: 'hosts: [a',
    expect: ['1:10 : wrong indentation, or a bracket that is not closed'],
  },
  { name: 'a tab', text: 'token:\n\taccess_seconds: 9', expect: ['2:1 : a tab in the indentation, expected spaces'] },
  {
    name: 'a second document',
    text: 'remote: true\n---\nremote: false',
    expect: ['2:1 : expected one document, found a second one after `---`'],
  },
  { name: 'a bad escape', text: 'gate: { user: "\\q" }', expect: ['1:16 : unknown escape in a double-quoted text'] },
  { name: 'a tag', text: 'remote: !yes true', expect: ['1:9 : tags (`!name`) are not supported'] },
  { name: 'a map as key', text: '? { a: 1 }\n: 2', expect: ['1:3 : expected a plain name as key'] },
  { name: 'no map', text: '- a\n- b', expect: ['1:1 : expected a map of keys'] },
  { name: 'a text alone', text: secret, expect: ['1:1 : expected a map of keys'] },
  {
    name: 'an alias',
    text: 'hosts: &h [a]\ntrusted_proxies: *h',
    expect: ['2:18 trusted_proxies: aliases (`*name`) are not supported'],
  },
  {
    name: 'a key given twice',
    text: 'token:\n  access_seconds: 9\n  access_seconds: 8',
    expect: ['3:3 token.access_seconds: given twice, first in line 2'],
  },
  {
    name: '__proto__',
    text: 'token: { __proto__: { access_seconds: 9 } }',
    expect: ['1:10 token: expected a plain name as key'],
  },
  {
    name: 'deep nesting',
    text: `hosts: ${'['.repeat(20)}${']'.repeat(20)}`,
    expect: [
      `1:24 hosts${'[0]'.repeat(16)}: nested too deep`,
      '1:9 hosts[0]: expected a host name like box.example, without scheme, port or path, found a list',
    ].reverse(),
  },
  { name: 'very deep nesting', text: `a: ${'['.repeat(20000)}`, expect: ['1:* : nested too deep'] },
  // Keys.
  {
    name: 'a mistyped key',
    text: 'token: { acess_seconds: 9 }',
    expect: ['1:10 token.acess_seconds: unknown key'],
    hint: 'did you mean access_seconds?',
  },
  {
    name: 'a key with a dash',
    text: 'trusted-proxies: []',
    expect: ['1:1 trusted-proxies: unknown key'],
    hint: 'did you mean trusted_proxies?',
  },
  {
    name: 'a key in the wrong section',
    text: 'session: { access_seconds: 9 }',
    expect: ['1:12 session.access_seconds: unknown key'],
    hint: 'access_seconds belongs under token',
  },
  {
    name: 'a misplaced top-level key',
    text: `token: { jwt_secret: ${secret} }`,
    expect: ['1:10 token.jwt_secret: unknown key'],
    hint: 'jwt_secret belongs at the top level',
  },
  {
    name: 'a key that is nothing like any',
    text: 'log: { xyzzy: 1 }',
    expect: ['1:8 log.xyzzy: unknown key'],
    hint: 'known keys here: level',
  },
  {
    name: 'a key in a listener',
    text: 'listen: [{ adress: ::1, port: 7640 }]',
    expect: ['1:12 listen[0].adress: unknown key'],
    hint: 'did you mean address?',
  },
  {
    name: 'a key in a role',
    text: 'roles: { viewer: { user: [a] } }',
    expect: ['1:20 roles.viewer.user: unknown key'],
    hint: 'did you mean users?',
  },
  { name: 'a key with control characters', text: '"\\e[2Jx": 1', expect: ['1:1 \\u{1b}[2Jx: unknown key'] },
  {
    name: 'a key of Object',
    text: 'toString: 1\nconstructor: 2',
    expect: ['1:1 toString: unknown key', '2:1 constructor: unknown key'],
  },
  // Types and bounds.
  {
    name: 'a text for a number',
    text: 'token: { access_seconds: 1h }',
    expect: ['1:26 token.access_seconds: expected a whole number of seconds from 5 to 86400, found the text "1h"'],
    hint: 'write the number alone, without unit or quotes',
  },
  {
    name: 'too small',
    text: 'token: { access_seconds: 4 }',
    expect: ['1:26 token.access_seconds: expected a whole number of seconds from 5 to 86400, found 4'],
  },
  {
    name: 'too large',
    text: 'gate: { workers: 65 }',
    expect: ['1:18 gate.workers: expected a whole number of processes from 1 to 64, found 65'],
  },
  {
    name: 'a fraction',
    text: 'pam: { children: 2.5 }',
    expect: ['1:18 pam.children: expected a whole number of processes from 1 to 256, found 2.5'],
  },
  {
    name: 'not a number',
    text: 'login: { failure_delay_seconds: .nan }',
    expect: ['1:33 login.failure_delay_seconds: expected a number of seconds from 0.5 to 30, found NaN'],
  },
  {
    name: 'infinity',
    text: 'login: { failure_delay_seconds: .inf }',
    expect: ['1:33 login.failure_delay_seconds: expected a number of seconds from 0.5 to 30, found Infinity'],
  },
  {
    name: 'yes',
    text: 'remote: yes',
    expect: ['1:9 remote: expected true or false, found the text "yes"'],
    hint: 'YAML knows only true and false',
  },
  {
    name: 'an unknown word',
    text: 'log: { level: inf }',
    expect: ['1:15 log.level: expected one of error, warn, info, debug, found the text "inf"'],
    hint: 'did you mean info?',
  },
  {
    name: 'a number for a name',
    text: 'gate: { user: 1000 }',
    expect: ['1:15 gate.user: expected the name of a user, found 1000'],
    hint: 'put quotes around it',
  },
  {
    name: 'a text for a list',
    text: 'hosts: a',
    expect: ['1:8 hosts: expected a list of host names, found the text "a"'],
    hint: 'write a list as [one, two]',
  },
  {
    name: 'nothing for a list',
    text: 'hosts:',
    expect: ['1:7 hosts: expected a list of host names, found nothing'],
    hint: 'write [] for an empty list',
  },
  {
    name: 'a list for a section',
    text: 'token: [1]',
    expect: [
      '1:8 token: expected a map with the keys algorithm, access_seconds, refresh_seconds, max_seconds, issuer, found a list',
    ],
  },
  { name: 'a kiosk without user', text: 'kiosk: {}', expect: ['1:1 kiosk.user: missing, expected the name of a user'] },
  {
    name: 'an escape sequence in a value',
    text: 'log: { level: "\\e]0;x\\u202e" }',
    expect: ['1:15 log.level: expected one of error, warn, info, debug, found the text "\\u{1b}]0;x\\u{202e}"'],
  },
  // Single values.
  {
    name: 'a URL as host',
    text: 'hosts: [https://a.example]',
    expect: [
      '1:9 hosts[0]: expected a host name like box.example, without scheme, port or path, found the text "https://a.example"',
    ],
  },
  {
    name: 'a port in a host',
    text: 'hosts: [a.example:80]',
    expect: [
      '1:9 hosts[0]: expected a host name like box.example, without scheme, port or path, found the text "a.example:80"',
    ],
  },
  {
    name: 'a wildcard host',
    text: 'hosts: ["*.example"]',
    expect: [
      '1:9 hosts[0]: expected a host name like box.example, without scheme, port or path, found the text "*.example"',
    ],
  },
  {
    name: 'trusting everybody',
    text: 'trusted_proxies: [0.0.0.0/0, 10.0.0.0/33]',
    expect: [0, 1].map(
      i =>
        `1:${[19, 30][i]} trusted_proxies[${i}]: expected an IP address, a network like 10.0.0.0/8 or unix, found the text "${['0.0.0.0/0', '10.0.0.0/33'][i]}"`,
    ),
  },
  {
    name: 'an unknown dialect',
    text: 'dialects: [agame]',
    expect: [
      '1:12 dialects[0]: expected one of agama, lumo, infinitystone, appmesh, attune, all, found the text "agame"',
    ],
    hint: 'did you mean agama?',
  },
  {
    name: 'the PAM service other',
    text: 'pam: { service: other }',
    expect: ['1:17 pam.service: expected the name of a PAM service, found the text "other"'],
  },
  {
    name: 'a PAM service with a path',
    text: 'pam: { service: ../su }',
    expect: ['1:17 pam.service: expected the name of a PAM service, found the text "../su"'],
  },
  {
    name: 'a relative directory',
    text: 'paths: { state: var }',
    expect: ['1:17 paths.state: expected an absolute path, found the text "var"'],
  },
  {
    name: 'a directory with ..',
    text: 'paths: { state: /var/../etc }',
    expect: ['1:17 paths.state: expected an absolute path, found the text "/var/../etc"'],
  },
  {
    name: 'the root directory',
    text: 'paths: { state: / }',
    expect: ['1:17 paths.state: expected an absolute path, found the text "/"'],
  },
  {
    name: 'a user name with a colon',
    text: 'login: { allow: { users: ["a:b"] } }',
    expect: ['1:27 login.allow.users[0]: expected the name of a user, found the text "a:b"'],
  },
  {
    name: 'a bad permission',
    text: 'roles: { x: { permissions: ["*.a"] } }',
    expect: [
      '1:29 roles.x.permissions[0]: expected a permission like session.manage, job.* or *, found the text "*.a"',
    ],
  },
  {
    name: 'a bad role name',
    text: 'roles: { A b: {} }',
    expect: ['1:10 roles.A b: expected a role name of small letters, digits, - and _'],
  },
  {
    name: 'an issuer that is no URI',
    text: 'token: { issuer: "a b" }',
    expect: ['1:18 token.issuer: expected a name, or a URI where it has a colon, found the text "a b"'],
  },
  {
    name: 'a socket outside',
    text: 'listen: [{ unix: ../http.sock }]',
    expect: ['1:18 listen[0].unix: expected the path of a UNIX socket, found the text "../http.sock"'],
  },
  {
    name: 'an address in brackets',
    text: 'listen: [{ address: "[::1]", port: 7640 }]',
    expect: ['1:21 listen[0].address: expected an IP address or *, found the text "[::1]"'],
    hint: 'write an IPv6 address without brackets',
  },
  {
    name: 'more listeners than a gate may tell of',
    text: `listen: [${Array.from({ length: 65 }, (_, n) => `{ unix: s${n} }`).join(', ')}]`,
    expect: ['1:9 listen: expected at most 64 listeners, found a list'],
  },
  {
    name: 'a host name as address',
    text: 'listen: [{ address: localhost, port: 7640 }]',
    expect: ['1:21 listen[0].address: expected an IP address or *, found the text "localhost"'],
  },
  {
    name: 'a port out of range',
    text: 'listen: [{ address: ::1, port: 65536 }]',
    expect: ['1:32 listen[0].port: expected a port from 1 to 65535, found 65536'],
  },
  {
    name: 'several gates for UNIX sockets alone',
    text: 'listen: [{ unix: a.sock }]\ngate: { workers: 2 }',
    expect: ['2:18 gate.workers: only one gate can serve UNIX sockets, found 2 and no address to listen at'],
  },
  { name: 'no listener', text: 'listen: []', expect: ['1:9 listen: expected at least one listener, found a list'] },
  {
    name: 'a short secret',
    text: `jwt_secret: ${'x'.repeat(31)}`,
    expect: ['1:13 jwt_secret: expected a text of 32 to 1024 bytes, found a text of another length'],
  },
  {
    name: 'a number as secret',
    text: 'jwt_secret: 12345678901234567890123456789012',
    expect: ['1:13 jwt_secret: expected a text of 32 to 1024 bytes, found a number'],
    hint: 'put quotes around it',
  },
  // What one key demands of another.
  {
    name: 'HS256 without a secret',
    text: 'token: { algorithm: HS256 }',
    expect: ['1:21 token.algorithm: HS256 needs jwt_secret, expected one of 32 bytes or more'],
  },
  {
    name: 'refresh over the maximum',
    text: 'token: { max_seconds: 9000 }',
    expect: ['1:23 token.refresh_seconds: expected at most token.max_seconds (9000), found 604800'],
  },
  {
    name: 'access over refresh',
    text: 'token: { refresh_seconds: 9 }',
    expect: ['1:27 token.access_seconds: expected at most token.refresh_seconds (9), found 3600'],
  },
  {
    name: 'idle over absolute',
    text: 'session: { idle_seconds: 86401 }',
    expect: ['1:26 session.idle_seconds: expected at most session.cookie_seconds (86400), found 86401'],
  },
  {
    name: 'a step longer than the whole',
    text: 'pam: { step_seconds: 121 }',
    expect: ['1:22 pam.step_seconds: expected at most pam.total_seconds (120), found 121'],
  },
  {
    name: 'more children a source than there are',
    text: 'pam: { children_per_source: 11 }',
    expect: ['1:29 pam.children_per_source: expected at most pam.children (10), found 11'],
  },
  {
    name: 'every child kept for local',
    text: 'pam: { children: 2 }',
    expect: ['1:18 pam.children_for_local: expected less than pam.children (2), found 2: nobody else could log in'],
  },
  {
    name: 'a first penalty over the longest',
    text: 'throttle: { max_penalty_seconds: 4 }',
    expect: ['1:34 throttle.first_penalty_seconds: expected at most throttle.max_penalty_seconds (4), found 5'],
  },
  {
    name: 'a custom role without permissions',
    text: 'roles: { x: { users: [a] } }',
    expect: ['1:13 roles.x: permissions are missing, expected a list'],
  },
  {
    name: 'a built-in role with permissions',
    text: 'roles: { viewer: { permissions: ["*"] } }',
    expect: ['1:33 roles.viewer.permissions: the built-in role viewer has its own permissions'],
  },
  {
    name: 'an unknown kiosk role',
    text: 'kiosk: { user: k, role: toString }',
    expect: ['1:25 kiosk.role: expected a role name of small letters, digits, - and _, found the text "toString"'],
  },
  {
    name: 'a kiosk role that Object has',
    text: 'kiosk: { user: k, role: constructor }',
    expect: ['1:25 kiosk.role: unknown role constructor, expected one of admin, operator, viewer'],
  },
  {
    name: 'root as kiosk',
    text: 'kiosk: { user: root }',
    expect: ['1:16 kiosk.user: expected an account of its own for the kiosk, found root'],
  },
  {
    name: "root's directory within the gate's",
    text: 'paths: { state: /srv/p/state, gate_state: /srv/p }',
    expect: ['1:17 paths.state: expected a directory outside of paths.gate_state, which belongs to the gate'],
  },
  {
    name: 'one directory for both',
    text: 'paths: { gate_runtime: /run/postern }',
    expect: ['1:24 paths.runtime: expected a directory outside of paths.gate_runtime, which belongs to the gate'],
  },
  {
    name: 'a port without address',
    text: 'listen: [{ port: 7640 }]',
    expect: ['1:10 listen[0]: address is missing beside port'],
  },
  {
    name: 'an address without port',
    text: 'listen: [{ address: ::1 }]',
    expect: ['1:10 listen[0]: port is missing beside address'],
  },
  { name: 'an empty listener', text: 'listen: [{}]', expect: ['1:10 listen[0]: expected unix, or address and port'] },
  {
    name: 'unix and port',
    text: 'listen: [{ unix: a, port: 80 }]',
    expect: ['1:10 listen[0]: expected unix alone, found address, port or tls beside it'],
  },
  {
    name: 'plain HTTP for all',
    text: 'listen: [{ address: 0.0.0.0, port: 8080 }]',
    expect: ['1:10 listen[0]: plain HTTP is for loopback only, expected tls: true beside 0.0.0.0'],
  },
  {
    name: 'plain HTTP on every family',
    text: 'listen: [{ address: "*", port: 8080 }]',
    expect: ['1:10 listen[0]: plain HTTP is for loopback only, expected tls: true beside *'],
  },
  {
    name: 'one address twice',
    text: 'listen: [{ address: ::1, port: 9999 }, { address: "0::1", port: 9999 }]',
    expect: ['1:40 listen[1]: listens where listen[0] does'],
  },
  {
    name: 'a wildcard over an address',
    text: 'listen: [{ address: 127.0.0.1, port: 9999 }, { address: 0.0.0.0, port: 9999, tls: true }]',
    expect: ['1:46 listen[1]: listens where listen[0] does'],
  },
  {
    name: 'one socket twice',
    text: 'listen: [{ unix: a }, { unix: /run/postern-gate/a }]',
    expect: ['1:23 listen[1]: listens where listen[0] does'],
  },
  {
    name: 'a socket path too long',
    text: `listen: [{ unix: ${'a'.repeat(91)} }]`,
    expect: ['1:10 listen[0]: the path of the socket is too long, expected at most 107 bytes in all'],
  },
]

for (const { name, text, expect, hint } of table) {
  test(`refuses ${name}`, async () => {
    const faults = faultsOf(await loadText(text))
    const seen = faults
      .map(briefly)
      .map((line, at) => (expect[at]?.startsWith('1:* ') ? line.replace(/^1:\d+/, '1:*') : line))
    assert.equal(seen, expect)
    if (hint) assert.is(faults[0]?.hint, hint)
    assert.not.match(formatFaults(faults), secret)
  })
}

test('messages are in lower case, without full stop and without control characters', async () => {
  for (const { text } of table) {
    for (const { message, hint } of faultsOf(await loadText(text))) {
      assert.match(message, /^(HS256|[a-z])[^\p{Cc}]*[^.\s]$/u)
      if (hint) assert.match(hint, /^[^\p{Cc}]*[^.\s]$/u)
    }
  }
})

test('every fault of a file is reported in one run: keys, types, rules, in the order of lines', async () => {
  const text = `token:
  acces_seconds: 5
  refresh_seconds: 7d
  algorithm: HS256
remote: yes
listen:
  - { unix: a, tls: maybe }
  - { port: 7640 }
  - { address: 0.0.0.0, port: 80 }
kiosk: { role: viewer }
pam: { step_seconds: 200 }
session: { idle_seconds: 90000, idle_seconds: 90000 }
roles: { x: {}, viewer: { users: bob } }
`
  const paths = faultsOf(await loadText(text)).map(({ line, path }) => `${line} ${path}`)
  assert.equal(paths, [
    '2 token.acces_seconds',
    '3 token.refresh_seconds',
    '4 token.algorithm',
    '5 remote',
    '7 listen[0].tls',
    '8 listen[1]',
    '9 listen[2]',
    '10 kiosk.user',
    '11 pam.step_seconds',
    '12 session.idle_seconds',
    '13 roles.x',
    '13 roles.viewer.users',
  ])
})

test('a rule is silent about a value that is faulty itself', async () => {
  const faults = faultsOf(await loadText('token: { algorithm: HS256 }\njwt_secret: short'))
  assert.equal(
    faults.map(fault => fault.path),
    ['jwt_secret'],
  )
})

test('no wrong secret is shown, wherever it stands', async () => {
  const texts = [
    `jwt_secret: ${secret}`,
    `jwt_secret: [${secret}]`,
    `jwt_secret: { value: ${secret} }`,
    `jwt_secret: !x ${secret}`,
    `jwt_secret: *${secret}`,
    `jwt_secret: "${secret}\\q"`,
    `jwt_secret: ${secret}\njwt_secret: ${secret}2`,
    `token: { jwt_secret: ${secret}, algorithm: HS256 }`,
    `listen: [{ jwt_secret: ${secret} }]`,
    `jwt_secret: |\n ${secret}\n\t${secret}`,
    `jwt_secret: '${secret}`,
    `jwt_secret ${secret}\nremote: x`,
    `%${secret}\n---\njwt_secret: x`,
  ]
  for (const text of texts) {
    const outcome = await loadText(text)
    assert.ok(!outcome.ok && outcome.faults.length > 0, text)
    assert.not.match(JSON.stringify(outcome), secret, text)
  }
})

test('faults print as file:line:column: path: message, with hints beneath', () => {
  const faults = [
    { file: '/etc/postern/server.yml', line: 3, column: 5, path: 'token', message: 'unknown key', hint: 'try it' },
    { file: '/e/\u001b[2J.yml', path: '', message: 'no such file' },
    { file: 'environment POSTERN_X', path: 'x', message: 'unknown key' },
  ]
  assert.is(
    formatFaults(faults),
    '/etc/postern/server.yml:3:5: token: unknown key\n  hint: try it\n/e/\\u{1b}[2J.yml: no such file\nenvironment POSTERN_X: x: unknown key',
  )
})

test.run()
