/** A real reverse proxy in front of something, with a folder of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { cleanAtEnd } from './cleanup.ts'
import { freePort } from './daemon.ts'

export interface FrontProxy {
  readonly port: number
  readonly url: string
  /** Where its configuration and its logs are. */
  readonly directory: string
  remove(): Promise<void>
}

/** How a proxy is started. */
export interface ProxyProgram {
  readonly name: string
  readonly scheme: 'http' | 'https'
  /** The text of its configuration; it listens at that port of 127.0.0.1 and writes into that folder alone. */
  configure(port: number, directory: string): string
  /** The words of the command, for that configuration file. */
  command(file: string): readonly string[]
}

/** Starts one, at a port that is free unless one is given; resolves when it listens. */
export async function startProxy(
  { name, scheme, configure, command }: ProxyProgram,
  port?: number,
): Promise<FrontProxy> {
  const directory = mkdtempSync(join(tmpdir(), `postern-${name}-`))
  chmodSync(directory, 0o755)
  const at = port ?? (await freePort())
  const file = join(directory, 'configuration')
  writeFileSync(file, configure(at, directory))
  const [program = '', ...words] = command(file)
  const env = { PATH: process.env.PATH ?? '', HOME: directory }
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], env })
  const forget = cleanAtEnd(() => {
    child.kill('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += chunk))
  while (!(await answers(at))) {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${said}`)
    await pause(20)
  }
  return {
    port: at,
    url: `${scheme}://127.0.0.1:${at}`,
    directory,
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
