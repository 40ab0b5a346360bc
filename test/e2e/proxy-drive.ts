/** Reverse proxies in front of a daemon, as `postern proxy-config` says. */
import * as assert from 'uvu/assert'
import type { Person } from '../cli/run.ts'
import { startCaddy } from '../support/caddy.ts'
import type { Certificate } from '../support/certificate.ts'
import type { Daemon } from '../support/daemon.ts'
import { startHaproxy } from '../support/haproxy.ts'
import { startNginx } from '../support/nginx.ts'
import type { FrontProxy } from '../support/proxy.ts'

export interface Proxied {
  daemon: Daemon
  root: Person
}

/** The name under which browsers ask. */
export const name = 'box.example'
/** What the daemon's configuration holds besides the lines for the proxy. */
export const base = { insecure: { throttle_off: true } }

/** Starts the proxy with the text, and with TLS if there is a certificate; HAProxy's names its own line for the frontend. */
export async function startWith(proxy: string, text: string, tls?: Certificate): Promise<FrontProxy> {
  if (proxy === 'nginx') return startNginx(text, tls)
  if (proxy === 'caddy') return startCaddy(text, tls)
  const frontend = /^# {3}((?:use|default)_backend .*)$/m.exec(text)?.[1]
  return startHaproxy(String(frontend), text, tls)
}

/** What `postern proxy-config` prints. */
export async function printed({ root }: Proxied, words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await root.run(['proxy-config', ...words, '--name', name])
  assert.is(status, 0, stderr)
  return stdout
}

/** Gives the daemon the lines that the text says it needs, and nothing else. */
export async function applyLines({ daemon, root }: Proxied, text: string): Promise<void> {
  const [, proxies] = /^# {3}trusted_proxies: \[(.*)\]$/m.exec(text) ?? []
  const [, hosts] = /^# {3}hosts: \[(.*)\]$/m.exec(text) ?? []
  daemon.configure({ ...base, trusted_proxies: [proxies], hosts: [hosts] })
  const { status, stderr } = await root.run(['call', 'config.reload'])
  assert.is(status, 0, stderr)
}
