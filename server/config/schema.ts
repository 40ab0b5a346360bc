/** The configuration: every key with its unit, bounds, default and one line that explains it. */
import { isAbsolute } from 'node:path'
import * as z from 'zod'
import {
  accountName,
  choice,
  DAY,
  directory,
  flag,
  fractionalSeconds,
  HOUR,
  hostName,
  isCleanPath,
  list,
  MINUTE,
  permissionPattern,
  plainSection,
  proxy,
  roleName,
  section,
  text,
  whole,
  YEAR,
} from './field.ts'
import { canonicalAddress } from './listener.ts'
import { SYSTEM_PATHS } from './paths.ts'
import { Secret } from './secret.ts'

/** The login APIs of other products that can be served beside the native one. */
export const DIALECTS = ['agama', 'lumo', 'infinitystone', 'appmesh', 'attune'] as const

const path = (fallback: string, about: string) => directory().default(fallback).describe(about)
const seconds = (fallback: number, min: number, max: number) => whole('seconds', fallback, min, max)
const users = () => list(accountName('user'), 'user names')
const groups = () => list(accountName('group'), 'group names')

const paths = section({
  runtime: path(SYSTEM_PATHS.runtime, "the keeper's sockets, root's token and kiosk tickets"),
  gate_runtime: path(SYSTEM_PATHS.gate_runtime, 'the UNIX sockets that serve HTTP'),
  state: path(SYSTEM_PATHS.state, 'store, keys and certificate, for root alone'),
  gate_state: path(SYSTEM_PATHS.gate_state, "uploads: the gate's only writable place"),
  log: path(SYSTEM_PATHS.log, 'the audit trail'),
  jobs: path(SYSTEM_PATHS.jobs, 'descriptions of jobs'),
})

const listener = plainSection({
  unix: text('the path of a UNIX socket', isCleanPath).optional().describe('a socket, relative to paths.gate_runtime'),
  address: text('an IP address or *', isAddressText).optional().describe('an IP address, * for all'),
  port: z.optional(port()).describe('a TCP port; below 1024 only with a socket that systemd passes'),
  tls: flag(false).describe('HTTPS; plain HTTP beyond loopback is for trusted proxies, and others are sent to HTTPS'),
})

const listen = list(listener, 'listeners')
  .min(1, { error: 'expected at least one listener' })
  // As many as a gate may tell of over its link.
  .max(64, { error: 'expected at most 64 listeners' })
  .default([
    { unix: 'http.sock', tls: false },
    { address: '127.0.0.1', port: 7640, tls: false },
    { address: '::1', port: 7640, tls: false },
  ])

const dialects = z.preprocess(
  value => (value === 'all' ? ['all'] : value),
  list(choice([...DIALECTS, 'all']), `dialects (${DIALECTS.join(', ')}) or all`).default([]),
)

const pam = section({
  service: text('the name of a PAM service', isServiceName)
    .default('postern')
    .describe('the file in /etc/pam.d, with rules for auth, account and password'),
  backend: choice(['conversation', 'authenticate-pam'])
    .default('conversation')
    .describe('what proves a password: the whole PAM conversation, or the package authenticate-pam (passwords only)'),
  children: whole('processes', 10, 1, 256).describe('login attempts at once, a process each'),
  children_per_source: whole('processes', 2, 1, 256).describe('of these, how many one source may hold'),
  children_for_local: whole('processes', 2, 0, 255).describe(
    'of these, how many are kept for local requests, and for others',
  ),
  step_seconds: seconds(30, 1, HOUR).describe('time for one step of a login'),
  total_seconds: seconds(2 * MINUTE, 1, HOUR).describe('time for a whole login'),
})

const login = section({
  allow: z
    .preprocess(
      value => value ?? { users: ['root'], groups: ['sudo', 'wheel'] },
      plainSection({
        users: users().default([]).describe('user names'),
        groups: groups().default([]).describe('group names'),
      }),
    )
    .describe('who may log in; when given, a list left out is empty. Default: root and members of sudo and wheel'),
  failure_delay_seconds: fractionalSeconds(2, 0.5, 30).describe(
    'when every refusal is answered, counted from the start',
  ),
})

const role = section({
  users: users().default([]).describe('users who have it'),
  groups: groups().default([]).describe('groups whose members have it'),
  permissions: list(permissionPattern(), 'permissions').optional().describe('what it permits; not for a built-in role'),
})

const roles = z.preprocess(withAdmin, z.record(roleName(), role, { error: 'expected a map of roles' }))

const kiosk = plainSection({
  user: accountName('user').describe('the account whose browser is logged in'),
  role: roleName().default('viewer').describe("the role that caps the kiosk's session"),
}).nullable()

const token = section({
  algorithm: choice(['EdDSA', 'ES256', 'HS256']).default('EdDSA').describe('signature; HS256 needs jwt_secret'),
  access_seconds: seconds(HOUR, 5, DAY).describe('life of an access token'),
  refresh_seconds: seconds(7 * DAY, 5, YEAR).describe('life of a refresh token, anew with each use'),
  max_seconds: seconds(30 * DAY, 5, YEAR).describe('longest life a login may ask for'),
  issuer: text('a name, or a URI where it has a colon', isIssuer).optional().describe("the tokens' `iss`"),
})

const jwtSecret = z
  .string({ error: 'expected a text of 32 to 1024 bytes' })
  .refine(isSecretLength, { error: 'expected a text of 32 to 1024 bytes' })
  .transform(value => new Secret(value))

/** The whole configuration. What a key needs from other keys is in rules.ts. */
export const configSchema = plainSection({
  paths: paths.describe('directories; a second instance has its own'),
  listen: listen.describe('where HTTP is served: each a UNIX socket, or address and port'),
  remote: flag(false).describe('serve other machines: adds HTTPS on port 7643'),
  tls: section({
    certificate: pemFile()
      .optional()
      .describe('a certificate of your own, as PEM, with its chain; left out, postern makes one'),
    key: pemFile().optional().describe('its private key, as PEM, of mode 0600 or 0640'),
    hsts_seconds: seconds(0, 0, 2 * YEAR).describe(
      'how long browsers are to insist on HTTPS, at every port of the host; 0 says nothing of it',
    ),
  }).describe('the certificate of HTTPS'),
  hosts: list(hostName(), 'host names').default([]).describe('further names of this machine'),
  trusted_proxies: list(proxy(), 'proxies').default([]).describe('proxies whose forwarding headers are believed'),
  dialects: dialects.describe(`login APIs of other products: ${DIALECTS.join(', ')} or all`),
  pam: pam.describe('how passwords are proved'),
  login: login.describe('who may log in'),
  roles: roles.describe('roles by user and group; admin stays as it is unless given: root, sudo and wheel'),
  kiosk: kiosk.default(null).describe("the machine's own browser, logged in by itself"),
  token: token.describe('tokens for programs'),
  jwt_secret: jwtSecret
    .optional()
    .describe('the key of HS256; in a file of mode 0600, a systemd credential or POSTERN_JWT_SECRET'),
  keys: choice(['persistent', 'ephemeral'])
    .default('persistent')
    .describe('ephemeral: new signing keys at each start log everybody out'),
  session: section({
    cookie_seconds: seconds(DAY, 5, YEAR).describe('longest life of a browser session'),
    idle_seconds: seconds(8 * HOUR, 5, YEAR).describe('a browser session unused for so long ends'),
  }).describe('sessions of browsers'),
  gate: section({
    workers: whole('processes', 1, 1, 64).describe('gate processes'),
    user: accountName('user').default('postern').describe('the user they run as'),
  }).describe('the processes that face the network'),
  throttle: section({
    free_failures: whole('failures', 3, 1, 100).describe('failed logins of a source before it has to wait'),
    first_penalty_seconds: seconds(5, 1, HOUR).describe('the first wait, doubled with each failure'),
    max_penalty_seconds: seconds(10 * MINUTE, 1, DAY).describe('the longest wait'),
    forget_seconds: seconds(10 * MINUTE, MINUTE, DAY).describe('after so much quiet one failure is forgotten'),
    account_burst: whole('attempts', 10, 1, 100).describe('attempts at one account before they have to take turns'),
    account_interval_seconds: seconds(2, 1, MINUTE).describe('time between two turns at one account'),
    max_sources: whole('sources', 65536, 16, 1048576).describe('sources remembered'),
  }).describe('what slows guessing'),
  log: section({
    level: choice(['error', 'warn', 'info', 'debug'])
      .default('info')
      .describe('the least grave messages that are logged'),
  }).describe("the daemon's own log"),
  insecure: section({
    throttle_off: flag(false).describe('failed logins slow nobody down'),
  }).describe('switches that weaken safety; each that is on is logged at every start'),
})

/** What the schema makes of a file. */
export type ParsedConfig = z.output<typeof configSchema>

/** A socket or an address to serve HTTP on. `unix` is absolute. */
export type Listener = { unix: string } | { address: string; port: number; tls: boolean }

/** One of the other products' login APIs. */
export type Dialect = (typeof DIALECTS)[number]

/** The configuration in force: checked, resolved, with every default filled in. */
export type Config = Omit<ParsedConfig, 'listen' | 'dialects'> & { listen: Listener[]; dialects: Dialect[] }

function pemFile() {
  return text('an absolute path', path => isAbsolute(path) && isCleanPath(path))
}

function port() {
  const error = 'expected a port from 1 to 65535'
  return z.number({ error }).int({ error }).min(1, { error }).max(65535, { error })
}

function isAddressText(address: string): boolean {
  return address === '*' || canonicalAddress(address) !== null
}

function isServiceName(name: string): boolean {
  // libpam takes a service that has no file for `other`: naming that one is never meant.
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(name) && name !== 'other'
}

function isIssuer(issuer: string): boolean {
  if (!/^[\x21-\x7e]{1,255}$/.test(issuer)) return false
  return !issuer.includes(':') || URL.canParse(issuer)
}

function isSecretLength(secret: string): boolean {
  const bytes = Buffer.byteLength(secret)
  return bytes >= 32 && bytes <= 1024
}

function withAdmin(value: unknown): unknown {
  const given: unknown = value ?? {}
  if (typeof given !== 'object' || given === null || Array.isArray(given) || 'admin' in given) return given
  return { admin: { users: ['root'], groups: ['sudo', 'wheel'] }, ...given }
}
