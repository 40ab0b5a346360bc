/** Debian's HAProxy in front of something. */
import { type FrontProxy, startProxy } from './proxy.ts'

/** Starts one whose frontend holds `frontend`, followed by `sections`. */
export function startHaproxy(frontend: string, sections: string): Promise<FrontProxy> {
  return startProxy({
    name: 'haproxy',
    command: file => ['haproxy', '-W', '-db', '-f', file],
    configure: port => `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend test
  bind 127.0.0.1:${port}
${frontend}
${sections}
`,
  })
}
