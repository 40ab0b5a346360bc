/** What a reverse proxy must be told so that postern works behind it, for the proxies that people have. */

/** Where the proxy finds postern. */
export type Upstream = { readonly address: string } | { readonly socket: string }

/** What the text depends on. */
export interface ProxyPlace {
  readonly upstream: Upstream
  /** `/`, or a path below it with a slash at its end. */
  readonly path: string
  /** The name under which browsers ask; null leaves the line out. */
  readonly name: string | null
}

/** Every proxy there is text for, and whether it commonly reaches UNIX sockets. */
export const proxies = {
  nginx: { socket: true, write: writeNginx },
  caddy: { socket: true, write: writeCaddy },
  haproxy: { socket: false, write: writeHaproxy },
  traefik: { socket: false, write: writeTraefik },
} as const

export type ProxyName = keyof typeof proxies

/** The text, opened by the lines that postern's own configuration needs. */
export function writeSnippet(proxy: ProxyName, place: ProxyPlace): string {
  return `${postern(place)}\n${proxies[proxy].write(place)}`
}

function postern({ upstream, name }: ProxyPlace): string {
  const trusted = 'socket' in upstream ? 'unix' : upstream.address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  const isIpv6 = trusted.includes(':')
  const lines = [
    'For postern, in /etc/postern/server.yml (then: postern call config.reload):',
    `  trusted_proxies: [${isIpv6 ? `'${trusted}'` : trusted}]`,
    ...(name === null ? [] : [`  hosts: [${name}]`]),
    ...('socket' in upstream
      ? []
      : [
          `Then browsers of this machine that ask ${upstream.address} itself count as the proxy's: no login links there.`,
        ]),
  ]
  return lines.map(line => `# ${line}\n`).join('')
}

/** The path without the slash at its end; empty for all of the site. */
function prefixOf({ path }: ProxyPlace): string {
  return path.slice(0, -1)
}

function writeNginx(place: ProxyPlace): string {
  const { upstream, path } = place
  const prefix = prefixOf(place)
  const to = 'socket' in upstream ? `http://unix:${upstream.socket}:/` : `http://${upstream.address}/`
  const bare = prefix === '' ? '' : `location = ${prefix} { return 308 ${path}; }\n`
  return `# For nginx, inside of the server block:
${bare}location ${path} {
    proxy_pass ${to};
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Prefix "${prefix}";
    proxy_set_header Forwarded "";
    # WebSocket
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;
    proxy_read_timeout 1h;
    # a login may ask for a code from a telephone: what it says must not wait
    proxy_buffering off;
    proxy_request_buffering off;
    client_max_body_size 0;
}
`
}

function writeCaddy(place: ProxyPlace): string {
  const { upstream } = place
  const prefix = prefixOf(place)
  const to = 'socket' in upstream ? `unix/${upstream.socket}` : upstream.address
  const fields = [prefix === '' ? '-X-Forwarded-Prefix' : `X-Forwarded-Prefix ${prefix}`, '-Forwarded']
  // Caddy sets X-Forwarded-For, -Proto and -Host by itself, and passes Host and WebSockets on.
  const reverse = `reverse_proxy ${to} {\n${fields.map(field => `    header_up ${field}\n`).join('')}    flush_interval -1\n}\n`
  const below = `redir ${prefix} ${prefix}/ 308\nhandle_path ${prefix}/* {\n${indent(reverse)}}\n`
  return `# For Caddy, inside of the site's block:\n${prefix === '' ? reverse : below}`
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '    ')
}

function writeHaproxy(place: ProxyPlace): string {
  const { upstream, path } = place
  const prefix = prefixOf(place)
  const to = 'socket' in upstream ? `unix@${upstream.socket}` : upstream.address
  const use =
    prefix === '' ? 'default_backend postern' : `use_backend postern if { path ${prefix} } || { path_beg ${path} }`
  const strip =
    prefix === ''
      ? ''
      : `    http-request redirect code 308 location ${path} if { path ${prefix} }
    http-request replace-path ${prefix.replaceAll('.', '\\.')}/(.*) /\\1
`
  const chroot =
    'socket' in upstream
      ? '# Debian starts HAProxy with `chroot`: the socket must be inside of that, or the line go.\n'
      : ''
  return `# For HAProxy, in the frontend:
#   ${use}
# and below it:
${chroot}backend postern
    mode http
${strip}    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }
    http-request set-header X-Forwarded-For %[src]
    ${prefix === '' ? 'http-request del-header X-Forwarded-Prefix' : `http-request set-header X-Forwarded-Prefix ${prefix}`}
    http-request del-header Forwarded
    timeout server 150s
    # WebSocket
    timeout tunnel 1h
    server postern ${to}
`
}

function writeTraefik(place: ProxyPlace): string {
  const { upstream, name } = place
  const prefix = prefixOf(place)
  const rules = [
    ...(name === null ? [] : [`Host(\`${name}\`)`]),
    ...(prefix === '' && name !== null ? [] : [`PathPrefix(\`${prefix || '/'}\`)`]),
  ]
  // Traefik sets X-Forwarded-For, -Proto and -Host by itself, stripPrefix sets X-Forwarded-Prefix; it passes WebSockets on.
  const slash = `    postern-slash:
      redirectRegex: { regex: '^(https?://[^/]+${prefix.replaceAll('.', '\\.')})$', replacement: '\${1}/', permanent: true }
    postern-strip:
      stripPrefix: { prefixes: ['${prefix}'] }
`
  const middlewares = prefix === '' ? 'postern-fields' : 'postern-slash, postern-fields, postern-strip'
  return `# For Traefik, a file of the file provider:
http:
  routers:
    postern:
      rule: '${rules.join(' && ')}'
      service: postern
      middlewares: [${middlewares}]
  middlewares:
    postern-fields:
      headers: { customRequestHeaders: { Forwarded: '', X-Forwarded-Prefix: '' } }
${prefix === '' ? '' : slash}  services:
    postern:
      loadBalancer:
        servers: [{ url: 'http://${'address' in upstream ? upstream.address : ''}' }]
`
}
