/** Where things are by default: the system's directories for root, the XDG ones for an ordinary user. */
import { isAbsolute, join } from 'node:path'

/** The configuration file and the `paths:` section. */
export interface DefaultPaths {
  config: string
  paths: Record<PathName, string>
}

/** The keys of the `paths:` section. */
export type PathName = 'runtime' | 'gate_runtime' | 'state' | 'gate_state' | 'log' | 'jobs'

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The system's places. */
export const SYSTEM_PATHS: Record<PathName, string> = {
  runtime: '/run/postern',
  gate_runtime: '/run/postern-gate',
  state: '/var/lib/postern',
  gate_state: '/var/lib/postern-gate',
  log: '/var/log/postern',
  jobs: '/etc/postern/jobs.d',
}

/** The defaults of a user. Relative XDG variables are ignored, as their specification says. */
export function defaultPaths(uid: number, env: Environment): DefaultPaths {
  if (uid === 0) return { config: '/etc/postern/server.yml', paths: SYSTEM_PATHS }
  const home = absolute(env.HOME) ?? '/nonexistent'
  const runtime = absolute(env.XDG_RUNTIME_DIR) ?? `/run/user/${uid}`
  const state = absolute(env.XDG_STATE_HOME) ?? join(home, '.local/state')
  const config = join(absolute(env.XDG_CONFIG_HOME) ?? join(home, '.config'), 'postern')
  return {
    config: join(config, 'server.yml'),
    paths: {
      runtime: join(runtime, 'postern'),
      gate_runtime: join(runtime, 'postern-gate'),
      state: join(state, 'postern'),
      gate_state: join(state, 'postern-gate'),
      log: join(state, 'postern/log'),
      jobs: join(config, 'jobs.d'),
    },
  }
}

function absolute(path: string | undefined): string | undefined {
  return path && isAbsolute(path) ? path : undefined
}
