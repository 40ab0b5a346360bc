/** Load over HTTP, by `wrk`. */
import { run } from './run.ts'

/** Asks over 32 connections from one thread; throws when an answer is not 2xx. */
export async function wrk(
  url: string,
  headers: readonly string[] = [],
  seconds = 3,
): Promise<{ perSecond: number; p99Ms: number }> {
  const fields = headers.flatMap(header => ['-H', header])
  const { stdout } = await run('wrk', ['-t1', '-c32', `-d${seconds}s`, '--latency', ...fields, url])
  if (/Non-2xx/.test(stdout)) throw new Error(`not all answers were 200:\n${stdout}`)
  const [, perSecond = 'NaN'] = /Requests\/sec:\s+([\d.]+)/.exec(stdout) ?? []
  const [, p99 = 'NaN', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? []
  const scale = { us: 0.001, ms: 1, s: 1000 }[unit] ?? 1
  return { perSecond: Number(perSecond), p99Ms: Number(p99) * scale }
}
