/** Faulty configurations by their values: each alone, and what one key demands of another. */
import type { FaultCase } from './refuse-each.ts'

/** Each text has exactly these faults, in this order. */
export const valueCases: readonly FaultCase[] = [
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
