/** A command on a real terminal, which somebody types at: script(1) from util-linux holds the pseudo-terminal. */
import { spawn } from 'node:child_process'

/** What is typed at the sight of a text, or what finds out what to type; each once, in order. */
export type Typing = readonly [seen: RegExp, typed: string | ((seen: string) => Promise<string>)]

/** Runs a shell command on a terminal and resolves with everything that it showed. */
export function runOnTerminal(command: string, env: NodeJS.ProcessEnv, typing: readonly Typing[]): Promise<string> {
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { env, stdio: 'pipe' })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const left = [...typing]
  let shown = ''
  let from = 0
  const hear = (chunk: Buffer) => {
    shown += chunk
    for (;;) {
      const [next] = left
      const found = next?.[0].exec(shown.slice(from))
      if (!next || !found) return
      left.shift()
      from += found.index + found[0].length
      const [, typed] = next
      if (typeof typed === 'string') child.stdin.write(typed)
      else typed(found[0]).then(text => child.stdin.write(text), reject)
    }
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.stdin.on('error', () => {})
  const limit = setTimeout(() => child.kill('SIGKILL'), 20_000)
  child.once('error', reject)
  child.once('close', () => {
    clearTimeout(limit)
    resolve(shown)
  })
  return promise
}
