/** What one key of the configuration demands of another. Each rule is pure and says which paths it is about. */
import { builtInRoles } from '../operations/role.ts'
import type { Path } from './fault.ts'
import { isLoopbackAddress, isSamePlace, remotePlace, resolveListener } from './listener.ts'
import type { Listener, ParsedConfig } from './schema.ts'

/** A rule that does not hold. The first path is the one to blame; the others took part. */
export interface Conflict {
  paths: [Path, ...Path[]]
  message: string
  hint?: string
}

type Rule = (config: ParsedConfig) => Conflict[]

/** Everything in which the keys contradict each other. */
export function findConflicts(config: ParsedConfig): Conflict[] {
  const rules: Rule[] = [
    tokenRules,
    pamRules,
    throttleRules,
    sessionRules,
    roleRules,
    kioskRules,
    pathRules,
    listenRules,
    remoteRules,
    tlsRules,
    gateRules,
  ]
  return rules.flatMap(rule => rule(config))
}

function atMost<K extends string>(section: string, values: Record<K, number>, key: K, limit: K): Conflict[] {
  if (values[key] <= values[limit]) return []
  const message = `expected at most ${section}.${limit} (${values[limit]}), found ${values[key]}`
  return [
    {
      paths: [
        [section, key],
        [section, limit],
      ],
      message,
    },
  ]
}

function tokenRules(config: ParsedConfig): Conflict[] {
  const conflicts = [
    ...atMost('token', config.token, 'refresh_seconds', 'max_seconds'),
    ...atMost('token', config.token, 'access_seconds', 'refresh_seconds'),
  ]
  if (config.token.algorithm !== 'HS256' || config.jwt_secret) return conflicts
  return [
    ...conflicts,
    {
      paths: [['token', 'algorithm'], ['jwt_secret']],
      message: 'HS256 needs jwt_secret, expected one of 32 bytes or more',
      hint: 'make one with `openssl rand -base64 48`; EdDSA and ES256 need none',
    },
  ]
}

function pamRules(config: ParsedConfig): Conflict[] {
  const { children, children_for_local: local } = config.pam
  const conflicts = [
    ...atMost('pam', config.pam, 'step_seconds', 'total_seconds'),
    ...atMost('pam', config.pam, 'children_per_source', 'children'),
  ]
  if (local < children) return conflicts
  const message = `expected less than pam.children (${children}), found ${local}: nobody else could log in`
  return [
    ...conflicts,
    {
      paths: [
        ['pam', 'children_for_local'],
        ['pam', 'children'],
      ],
      message,
    },
  ]
}

const throttleRules: Rule = config =>
  atMost('throttle', config.throttle, 'first_penalty_seconds', 'max_penalty_seconds')

const sessionRules: Rule = config => atMost('session', config.session, 'idle_seconds', 'cookie_seconds')

function roleRules(config: ParsedConfig): Conflict[] {
  return Object.entries(config.roles).flatMap(([name, { permissions }]): Conflict[] => {
    const isBuiltIn = Object.hasOwn(builtInRoles, name)
    if (isBuiltIn === (permissions === undefined)) return []
    if (!isBuiltIn)
      return [
        {
          paths: [
            ['roles', name],
            ['roles', name, 'permissions'],
          ],
          message: 'permissions are missing, expected a list',
        },
      ]
    const hint = 'give the permissions to a role with a name of its own'
    return [
      { paths: [['roles', name, 'permissions']], message: `the built-in role ${name} has its own permissions`, hint },
    ]
  })
}

function kioskRules({ kiosk, roles }: ParsedConfig): Conflict[] {
  if (!kiosk) return []
  const conflicts: Conflict[] = []
  if (kiosk.user === 'root') {
    conflicts.push({ paths: [['kiosk', 'user']], message: 'expected an account of its own for the kiosk, found root' })
  }
  // Object.hasOwn: a role may be called `constructor`.
  if (!Object.hasOwn(builtInRoles, kiosk.role) && !Object.hasOwn(roles, kiosk.role)) {
    const known = [...new Set([...Object.keys(builtInRoles), ...Object.keys(roles)])].join(', ')
    const message = `unknown role ${kiosk.role}, expected one of ${known}`
    conflicts.push({ paths: [['kiosk', 'role'], ['roles']], message })
  }
  return conflicts
}

function pathRules({ paths }: ParsedConfig): Conflict[] {
  const gates = ['gate_runtime', 'gate_state'] as const
  const roots = ['runtime', 'state', 'log', 'jobs'] as const
  // The gate owns its directories: what lies inside could be swapped under root's hands.
  const others = [...roots, ...gates]
  const pairs = gates.flatMap(gate => others.filter(other => other !== gate).map(root => ({ gate, root })))
  return pairs
    .filter(({ gate, root }) => `${paths[root]}/`.startsWith(`${paths[gate]}/`))
    .map(({ gate, root }) => ({
      paths: [
        ['paths', root],
        ['paths', gate],
      ],
      message: `expected a directory outside of paths.${gate}, which belongs to the gate`,
    }))
}

function listenRules({ listen, paths, remote, trusted_proxies: proxies }: ParsedConfig): Conflict[] {
  const places = listen.map(written => resolveListener(written, paths.gate_runtime))
  const hasTls = remote || places.some(place => place !== null && 'port' in place && place.tls)
  // Plain HTTP from elsewhere is for proxies, and to be sent to HTTPS: one of the two there must be.
  const plainHelps = hasTls || proxies.some(proxy => proxy !== 'unix')
  return places.flatMap((place, at): Conflict[] => {
    if (place === null) return [{ paths: [['listen', at]], message: incomplete(listen[at] ?? {}) }]
    const about: Conflict['paths'] =
      'unix' in place
        ? [
            ['listen', at],
            ['paths', 'gate_runtime'],
          ]
        : [['listen', at]]
    const reasons = [unfit(place, plainHelps), twin(places, place, at)]
    return reasons.filter(message => message !== null).map(message => ({ paths: about, message }))
  })
}

/** What `remote` adds stands in nobody's way. */
function remoteRules({ listen, paths, remote }: ParsedConfig): Conflict[] {
  if (!remote) return []
  return listen.flatMap((written, at): Conflict[] => {
    const place = resolveListener(written, paths.gate_runtime)
    if (place === null || !isSamePlace(place, remotePlace)) return []
    const isEqual = 'port' in place && place.tls && place.address === remotePlace.address
    const message = `listens at port ${remotePlace.port}, where \`remote: true\` serves HTTPS at all addresses`
    return isEqual
      ? []
      : [{ paths: [['listen', at], ['remote']], message, hint: 'take another port, or leave remote out' }]
  })
}

/** A certificate of one's own is two files. */
function tlsRules({ tls }: ParsedConfig): Conflict[] {
  const { certificate, key } = tls
  if ((certificate === undefined) === (key === undefined)) return []
  const [given, missing] =
    certificate === undefined ? (['key', 'certificate'] as const) : (['certificate', 'key'] as const)
  return [
    {
      paths: [
        ['tls', given],
        ['tls', missing],
      ],
      message: `tls.${missing} is missing beside it`,
    },
  ]
}

/** Several gates can share an address, and no UNIX socket: the first one alone opens those. */
function gateRules({ gate, listen }: ParsedConfig): Conflict[] {
  if (gate.workers === 1 || listen.some(({ address }) => address !== undefined)) return []
  const message = `only one gate can serve UNIX sockets, found ${gate.workers} and no address to listen at`
  return [{ paths: [['gate', 'workers'], ['listen']], message, hint: 'set gate.workers to 1, or listen at an address' }]
}

function twin(places: (Listener | null)[], place: Listener, at: number): string | null {
  const first = places.findIndex(other => other !== null && isSamePlace(place, other))
  return first < at ? `listens where listen[${first}] does` : null
}

function incomplete({ unix, address, port }: Partial<ParsedConfig['listen'][number]>): string {
  if (unix !== undefined) return 'expected unix alone, found address, port or tls beside it'
  if (address !== undefined) return 'port is missing beside address'
  return port === undefined ? 'expected unix, or address and port' : 'address is missing beside port'
}

function unfit(place: Listener, plainHelps: boolean): string | null {
  if (!('unix' in place)) {
    if (place.tls || plainHelps || isLoopbackAddress(place.address)) return null
    return `plain HTTP is for loopback only, expected tls: true beside ${place.address}`
  }
  // sockaddr_un holds 108 bytes with the final NUL.
  return Buffer.byteLength(place.unix) <= 107
    ? null
    : 'the path of the socket is too long, expected at most 107 bytes in all'
}
