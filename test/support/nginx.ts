/** Debian's nginx in front of something; its workers are www-data's, as always. */
import type { Certificate } from './certificate.ts'
import { type FrontProxy, startProxy } from './proxy.ts'

/** Starts one whose server block holds `block`, with TLS if there is a certificate, at a free port unless one is given. */
export function startNginx(block: string, tls?: Certificate, port?: number): Promise<FrontProxy> {
  return startProxy(
    {
      name: 'nginx',
      scheme: tls ? 'https' : 'http',
      command: file => ['nginx', '-c', file],
      configure: (at, directory) => `user www-data; daemon off; pid ${directory}/pid; error_log ${directory}/error.log;
events {}
http { access_log ${directory}/access.log;
${temporaryPaths(directory)}
server { listen 127.0.0.1:${at}${tls ? ' ssl' : ''};
${tls ? `ssl_certificate ${tls.certificateFile}; ssl_certificate_key ${tls.keyFile};` : ''}
${block}
} }
`,
    },
    port,
  )
}

function temporaryPaths(directory: string): string {
  const names = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return names.map(name => `${name}_temp_path ${directory}/${name};`).join(' ')
}
