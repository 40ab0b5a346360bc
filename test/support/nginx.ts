/** Debian's nginx in front of something, with a folder of its own; its workers are www-data's, as always. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { cleanAtEnd } from './cleanup.ts'
import { freePort } from './daemon.ts'

export interface Nginx {
  readonly url: string
  remove(): Promise<void>
}

/** Starts one whose server block holds `block`; resolves when it listens. */
export async function startNginx(block: string): Promise<Nginx> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-nginx-'))
  chmodSync(directory, 0o755)
  const port = await freePort()
  const file = join(directory, 'nginx.conf')
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `${name}_temp_path ${directory}/${name};`,
  )
  writeFileSync(
    file,
    `user www-data; daemon off; pid ${directory}/pid; error_log ${directory}/error.log;
events {}
http { access_log ${directory}/access.log; ${paths.join(' ')}
server { listen 127.0.0.1:${port};
${block}
} }
`,
  )
  const child = spawn('nginx', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const forget = cleanAtEnd(() => {
    child.kill('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  })
  let said = ''
  child.stderr.on('data', chunk => (said += chunk))
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said}`)
    await pause(20)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async remove() {
      forget()
      const ended = once(child, 'exit')
      if (child.kill('SIGTERM')) await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
}
