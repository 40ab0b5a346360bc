/** Debian's Caddy in front of something. */
import { type FrontProxy, startProxy } from './proxy.ts'

/** Starts one whose site holds `block`. */
export function startCaddy(block: string): Promise<FrontProxy> {
  return startProxy({
    name: 'caddy',
    command: file => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
    configure: (port, directory) => `{
  admin off
  auto_https off
  storage file_system ${directory}/storage
}
http://127.0.0.1:${port}, http://localhost:${port}, http://box.example:${port} {
${block}
}
`,
  })
}
