/** Debian's HAProxy in front of something. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from './certificate.ts'
import { type FrontProxy, startProxy } from './proxy.ts'

/** Starts one whose frontend holds `frontend`, followed by `sections`, with TLS if there is a certificate. */
export function startHaproxy(frontend: string, sections: string, tls?: Certificate): Promise<FrontProxy> {
  return startProxy({
    name: 'haproxy',
    scheme: tls ? 'https' : 'http',
    command: file => ['haproxy', '-W', '-db', '-f', file],
    configure: (port, directory) => `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend test
  bind 127.0.0.1:${port}${tls ? ` ssl crt ${writePair(tls, directory)}` : ''}
${frontend}
${sections}
`,
  })
}

/** HAProxy reads certificate and key from one file. */
function writePair({ certificateFile, keyFile }: Certificate, directory: string): string {
  const file = join(directory, 'pair.pem')
  writeFileSync(file, readFileSync(certificateFile, 'utf8') + readFileSync(keyFile, 'utf8'), { mode: 0o600 })
  return file
}
