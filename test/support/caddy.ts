/** Debian's Caddy in front of something. */
import type { Certificate } from './certificate.ts'
import { type FrontProxy, startProxy } from './proxy.ts'

/** Starts one whose site holds `block`, with TLS if there is a certificate. */
export function startCaddy(block: string, tls?: Certificate): Promise<FrontProxy> {
  const scheme = tls ? 'https' : 'http'
  return startProxy({
    name: 'caddy',
    scheme,
    command: file => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
    configure: (port, directory) => `{
  admin off
  auto_https off
  storage file_system ${directory}/storage
}
${scheme}://127.0.0.1:${port}, ${scheme}://localhost:${port}, ${scheme}://box.example:${port} {
${tls ? `tls ${tls.certificateFile} ${tls.keyFile}` : ''}
${block}
}
`,
  })
}
