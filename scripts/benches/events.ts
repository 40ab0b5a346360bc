/** Events to many WebSockets, beside `ws` alone. */
import { spawn } from 'node:child_process'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ask } from '../../test/support/http.ts'
import { startBareStream } from './bare-servers.ts'
import { median, report } from './report.ts'
import { root, type SetUp } from './set-up.ts'

const subscribers = 5000

/** Many subscribers, and the commands that they are told. */
async function startCrowd(url: string, count: number, token: string) {
  const file = join(root, 'test/support/event-crowd.ts')
  const child = spawn(process.execPath, [file, url, String(count)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (command: string) => {
    child.stdin.write(`${command}\n`)
    return String((await lines.next()).value)
  }
  if ((await ask(token)) !== 'open') throw new Error('the subscribers could not connect')
  return { ask, end: () => child.kill() }
}

/** Messages a second that arrive when `count` are told of one after the other. */
async function fanOut(crowd: { ask(command: string): Promise<string> }, count: number, tell: () => Promise<unknown>) {
  const startedMs = performance.timeOrigin + performance.now()
  const heard = crowd.ask(`heard ${count}`)
  for (let told = 0; told < count; told += 1) await tell()
  return (count * subscribers * 1000) / (Number(await heard) - startedMs)
}

/** Milliseconds until the last subscriber was closed, each with 4401. */
async function endOfAll(crowd: { ask(command: string): Promise<string> }, end: () => Promise<unknown>) {
  const startedMs = performance.timeOrigin + performance.now()
  await end()
  const [endedMs, codes] = (await crowd.ask('closed')).split(' ')
  if (codes !== `[[4401,${subscribers}]]`) throw new Error(`the WebSockets were closed with ${codes}`)
  return Number(endedMs) - startedMs
}

export async function benchEvents({ daemon, account, scratch }: SetUp): Promise<void> {
  const tokens = (await daemon.login(account.name, account.password)).json() as {
    access_token: string
    session: { id: string }
  }
  const agent = new Agent({ keepAlive: true })
  const token = daemon.token()
  const query = '/postern/v1/events?kinds=throttle'
  const crowd = await startCrowd(`ws://127.0.0.1:${daemon.port}${query}`, subscribers, tokens.access_token)
  const common = { id: 'aaaaaaaa-100', time: new Date().toISOString(), kind: 'throttle', action: 'cleared' }
  const text = JSON.stringify({ ...common, source: null, account: null, failures: 0, retry_after: 0 })
  const bare = await startBareStream(scratch, text)
  const bareCrowd = await startCrowd(`ws://127.0.0.1:${bare.port}/`, subscribers, '')
  const rates = { postern: [] as number[], bare: [] as number[] }
  for (let round = 0; round < 7; round += 1) {
    const ours = () => daemon.ask('/postern/v1/throttle/clear', { body: {}, token, agent })
    rates.postern.push(await fanOut(crowd, 20, ours))
    rates.bare.push(await fanOut(bareCrowd, 20, () => ask(`http://127.0.0.1:${bare.port}/`, { agent })))
  }
  const unit = 'messages/s'
  report('events to 5,000 WebSockets', median(rates.postern), median(rates.bare), unit, 'at least 0.6')
  const revoke = () => daemon.ask(`/postern/v1/sessions/${tokens.session.id}`, { method: 'DELETE', token })
  const ours = await endOfAll(crowd, revoke)
  const bares = await endOfAll(bareCrowd, () => ask(`http://127.0.0.1:${bare.port}/end`, { agent }))
  report('a revoke closes 5,000 WebSockets', ours, bares, 'ms', 'at most 1000 ms')
  bare.process.kill()
  bareCrowd.end()
  crowd.end()
  agent.destroy()
}
