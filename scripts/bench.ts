/** Measurements of postern, each beside what it is compared with in the same run: medians, and the ratio. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { type Account, createAccount } from '../test/support/account.ts'
import { type Daemon, freePort, startDaemon } from '../test/support/daemon.ts'
import { ask } from '../test/support/http.ts'

const run = promisify(execFile)
const root = new URL('..', import.meta.url).pathname
const scratch = mkdtempSync(join(tmpdir(), 'postern-bench-'))

/** Bench configuration: no throttle, and room for many waiting logins. */
const config = {
  insecure: { throttle_off: true },
  pam: { children: 100, children_per_source: 98, children_for_local: 2 },
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function report(what: string, postern: number, other: number, unit: string, goal: string): void {
  const show = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1))
  const ratio = (postern / other).toFixed(2)
  process.stdout.write(
    `${what}: postern ${show(postern)} ${unit}, compared with ${show(other)} ${unit}: ${ratio} × (goal ${goal})\n`,
  )
}

/** A server that does nothing but answer, bundled as the gate is: what Node.js itself can do. */
async function startBareServer(node: string = process.execPath): Promise<{ url: string; process: ChildProcess }> {
  const source = join(scratch, 'bare.ts')
  const body = '{"user":{"id":"1","name":"root","realm":"pam"},"permission":null}'
  writeFileSync(
    source,
    `import { createServer } from 'node:http'
const server = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': ${body.length} })
  response.end('${body}')
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))`,
  )
  const outfile = join(scratch, 'bare.cjs')
  await build({ entryPoints: [source], outfile, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' })
  const child = spawn(node, [outfile], { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: `http://127.0.0.1:${port.toString().trim()}/`, process: child }
}

/** The same over HTTPS, with a certificate and key that are given. */
async function startBareSecureServer(
  certificate: string,
  key: string,
): Promise<{ port: number; process: ChildProcess }> {
  const source = join(scratch, 'bare-secure.cjs')
  writeFileSync(
    source,
    `const { readFileSync } = require('node:fs')
const pair = { cert: readFileSync(${JSON.stringify(certificate)}), key: readFileSync(${JSON.stringify(key)}) }
const server = require('node:https').createServer(pair, (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 4 })
  response.end('pong')
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))`,
  )
  const child = spawn(process.execPath, [source], { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(port.toString()), process: child }
}

/** New connections a second, each with a whole handshake of TLS 1.3 and one request. */
async function handshakes(port: number): Promise<number> {
  const words = ['s_time', '-connect', `127.0.0.1:${port}`, '-new', '-time', '2', '-www', '/ping']
  // It ends with status 1 when the time is over in the middle of a connection.
  const { stdout } = await run('openssl', words).catch((fault: { stdout: string }) => fault)
  const [, count = 'NaN', seconds = 'NaN'] = /(\d+) connections in (\d+) real seconds/.exec(stdout) ?? []
  return Number(count) / Number(seconds)
}

async function benchTls(_daemon: Daemon, account: Account): Promise<void> {
  const port = await freePort()
  const plain = await freePort()
  const listen = [
    { address: '127.0.0.1', port, tls: true },
    { address: '127.0.0.1', port: plain },
  ]
  const daemon = await startDaemon({ config: { ...config, listen } })
  const own = join(daemon.directory, 'state/tls')
  const bare = await startBareSecureServer(join(own, 'certificate.pem'), join(own, 'key.pem'))
  const rates = { shakes: [] as number[], bareShakes: [] as number[], asked: [] as number[], bareAsked: [] as number[] }
  try {
    const body = { user: account.name, password: account.password }
    const login = await ask(`http://127.0.0.1:${plain}/postern/v1/login`, { body })
    const bearer = [`Authorization: Bearer ${login.json().access_token}`]
    for (let round = 0; round < 5; round += 1) {
      rates.bareShakes.push(await handshakes(bare.port))
      rates.shakes.push(await handshakes(port))
      rates.bareAsked.push((await wrk(`https://127.0.0.1:${bare.port}/`, [], 2)).perSecond)
      rates.asked.push((await wrk(`https://127.0.0.1:${port}/postern/v1/check`, bearer, 2)).perSecond)
    }
  } finally {
    bare.process.kill()
    await daemon.remove()
  }
  report(
    'TLS 1.3 handshakes, one after the other',
    median(rates.shakes),
    median(rates.bareShakes),
    '/s',
    'at least 0.8',
  )
  report('GET /check over HTTPS, Bearer', median(rates.asked), median(rates.bareAsked), 'req/s', 'at least 0.75')
}

async function wrk(
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

async function cookieOf(daemon: Daemon, account: Account): Promise<string> {
  const reply = await daemon.ask('/postern/v1/login', {
    body: { user: account.name, password: account.password, cookie: true },
    headers: { Origin: daemon.url },
  })
  return String(reply.headers['set-cookie']?.[0]).split(';', 1)[0] ?? ''
}

async function tokenOf(daemon: Daemon, account: Account): Promise<string> {
  return String((await daemon.login(account.name, account.password)).json().access_token)
}

async function benchCheck(daemon: Daemon, account: Account): Promise<void> {
  const bare = await startBareServer()
  const check = `${daemon.url}/postern/v1/check`
  const bearer = [`Authorization: Bearer ${await tokenOf(daemon, account)}`]
  const cookie = [`Cookie: ${await cookieOf(daemon, account)}`]
  const rates = { bare: [] as number[], bearer: [] as number[], cookie: [] as number[] }
  // Many short turns: what else the machine does then falls on all three alike.
  for (let round = 0; round < 20; round += 1) {
    rates.bare.push((await wrk(bare.url, [], 1)).perSecond)
    rates.bearer.push((await wrk(check, bearer, 1)).perSecond)
    rates.cookie.push((await wrk(check, cookie, 1)).perSecond)
  }
  bare.process.kill()
  report('GET /check, Bearer', median(rates.bearer), median(rates.bare), 'req/s', 'at least 0.75')
  report('GET /check, cookie', median(rates.cookie), median(rates.bare), 'req/s', 'at least 0.75')
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

async function benchLogin(daemon: Daemon, account: Account): Promise<void> {
  const service = String(JSON.parse(readFileSync(daemon.configFile, 'utf8')).pam.service)
  const pamtester = () => {
    const child = run('pamtester', [service, account.name, 'authenticate', 'acct_mgmt'])
    child.child.stdin?.end(`${account.password}\n`)
    return child
  }
  const times = { login: [] as number[], pamtester: [] as number[] }
  for (let round = 0; round < 5; round += 1) {
    for (let login = 0; login < 20; login += 1)
      times.login.push(await timed(() => daemon.login(account.name, account.password)))
    for (let login = 0; login < 20; login += 1) times.pamtester.push(await timed(pamtester))
  }
  report('a PAM login over HTTP, back to back', median(times.login), median(times.pamtester), 'ms', 'at most 1.5')
}

/** The refused logins wait for their common instant, ten seconds away, when PAM has long said no to all of them. */
async function benchWaiting(): Promise<void> {
  const daemon = await startDaemon({ config: { ...config, login: { failure_delay_seconds: 10 } } })
  const account = await createAccount({ groups: ['sudo'] })
  try {
    const check = `${daemon.url}/postern/v1/check`
    const bearer = [`Authorization: Bearer ${await tokenOf(daemon, account)}`]
    const idle: number[] = []
    const busy: number[] = []
    for (let round = 0; round < 5; round += 1) {
      idle.push((await wrk(check, bearer, 2)).p99Ms)
      const waiting = Array.from({ length: 60 }, () => daemon.login(account.name, 'wrong'))
      await whenNoLoginRuns(daemon)
      busy.push((await wrk(check, bearer, 2)).p99Ms)
      await Promise.all(waiting)
    }
    report('p99 of /check with 60 refused logins waiting', median(busy), median(idle), 'ms', 'at most 2')
  } finally {
    await daemon.remove()
    await account.remove()
  }
}

async function whenNoLoginRuns(daemon: Daemon): Promise<void> {
  const inProgress = async () =>
    (await daemon.ask('/postern/v1/status', { token: daemon.token() })).json().logins_in_progress
  do await new Promise(resolve => setTimeout(resolve, 100))
  while ((await inProgress()) !== 0)
}

async function timeReady(daemon: Daemon): Promise<number> {
  await daemon.stop()
  return timed(() => daemon.start())
}

async function benchStart(daemon: Daemon): Promise<void> {
  const times = { ready: [] as number[], status: [] as number[], node: [] as number[] }
  const status = [join(root, 'dist/postern.cjs'), '--runtime', daemon.runtime, 'status']
  for (let round = 0; round < 11; round += 1) {
    times.node.push(await timed(() => run(process.execPath, ['-e', '0'])))
    times.ready.push(await timeReady(daemon))
    times.node.push(await timed(() => run(process.execPath, ['-e', '0'])))
    times.status.push(await timed(() => run(process.execPath, status)))
  }
  report('posternd, from exec to READY', median(times.ready), median(times.node), 'ms', 'at most 6')
  report('postern status', median(times.status), median(times.node), 'ms', 'at most 3')
}

function pssMiB(pid: number): number {
  const [, kilobytes = '0'] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(task =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

/** PSS divides what processes share: each side runs a Node.js file of its own, so that it shares with nobody else. */
async function benchMemory(): Promise<void> {
  const node = join(scratch, 'node')
  const measured = { postern: [] as number[], bare: [] as number[] }
  const settle = () => new Promise(resolve => setTimeout(resolve, 5000))
  for (let round = 0; round < 3; round += 1) {
    copyFileSync(process.execPath, node)
    const bare = await startBareServer(node)
    await settle()
    measured.bare.push(pssMiB(bare.process.pid ?? 0))
    bare.process.kill()
    await once(bare.process, 'exit')
    const daemon = await startDaemon({ config, node })
    await settle()
    const keeper = daemon.process.pid ?? 0
    measured.postern.push([keeper, ...childrenOf(keeper)].reduce((sum, pid) => sum + pssMiB(pid), 0))
    await daemon.remove()
  }
  report('idle PSS, keeper and gate', median(measured.postern), median(measured.bare), 'MiB', 'at most 2.2')
}

/** Memory that is the process's own making: file pages come and go with what else runs on the machine. */
function anonymousMiB(pid: number): number {
  const [, kilobytes = '0'] = /^Anonymous:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

/** Asks a process for a full garbage collection through its inspector, and gives its anonymous memory then. */
async function settledMiB(pid: number): Promise<number> {
  process.kill(pid, 'SIGUSR1')
  const targets = await retry(
    async () => (await fetch('http://127.0.0.1:9229/json')).json() as Promise<{ webSocketDebuggerUrl: string }[]>,
  )
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '')
  await once(socket, 'open')
  const ask = async (id: number, method: string, params = {}) => {
    socket.send(JSON.stringify({ id, method, params }))
    await once(socket, 'message')
  }
  await ask(1, 'HeapProfiler.collectGarbage')
  await ask(2, 'HeapProfiler.collectGarbage')
  // The next process is to be found at the same port; no answer comes, the connection ends instead.
  const expression = 'process.getBuiltinModule("node:inspector").close()'
  socket.send(JSON.stringify({ id: 3, method: 'Runtime.evaluate', params: { expression } }))
  await once(socket, 'close')
  await new Promise(resolve => setTimeout(resolve, 1000))
  return anonymousMiB(pid)
}

async function retry<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 50; ; left -= 1) {
    try {
      return await work()
    } catch (fault) {
      if (left === 0) throw fault
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

async function benchGrowth(): Promise<void> {
  const daemon = await startDaemon({ config, pam: ['auth required pam_permit.so', 'account required pam_permit.so'] })
  const account = await createAccount({ groups: ['sudo'] })
  const keeper = daemon.process.pid ?? 0
  const [gate = 0] = childrenOf(keeper)
  const login = async (count: number) => {
    for (let done = 0; done < count; done += 4)
      await Promise.all(Array.from({ length: 4 }, () => daemon.login(account.name, '')))
  }
  try {
    await login(1000)
    const before = { keeper: await settledMiB(keeper), gate: await settledMiB(gate) }
    await login(9000)
    const after = { keeper: await settledMiB(keeper), gate: await settledMiB(gate) }
    report('keeper memory after 10,000 logins, over 1,000', after.keeper, before.keeper, 'MiB', '0.95 to 1.05')
    report('gate memory after 10,000 logins, over 1,000', after.gate, before.gate, 'MiB', '0.95 to 1.05')
  } finally {
    await daemon.remove()
    await account.remove()
  }
}

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

/** `ws` alone, bundled as the gate is: sends as many texts of that size to everybody as it is asked to by HTTP. */
async function startBareStream(text: string): Promise<{ port: string; process: ChildProcess }> {
  const source = join(scratch, 'stream.ts')
  writeFileSync(
    source,
    `import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
const server = createServer((request, response) => {
  const isEnd = request.url === '/end'
  for (const one of sockets.clients) isEnd ? one.close(4401) : one.send(${JSON.stringify(text)})
  response.end()
}).listen(0, '127.0.0.1', () => console.log(server.address().port))
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', one => one.send('{}'))`,
  )
  const outfile = join(scratch, 'stream.cjs')
  const paths = { nodePaths: [join(root, 'node_modules')] }
  await build({
    ...paths,
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  })
  const child = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: port.toString().trim(), process: child }
}

const subscribers = 5000

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

async function benchEvents(daemon: Daemon, account: Account): Promise<void> {
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
  const bare = await startBareStream(text)
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

/** A screen in memory with a window manager, for the browsers of the kiosk. */
async function startScreen(): Promise<{ env: NodeJS.ProcessEnv; stop: () => void }> {
  const display = ':98'
  const env = { PATH: process.env.PATH, DISPLAY: display, HOME: scratch }
  const server = spawn('Xvfb', [display, '-screen', '0', '1280x800x24', '-nolisten', 'tcp', '-ac'], { stdio: 'ignore' })
  await retry(() => run('xdotool', ['getdisplaygeometry'], { env }))
  const manager = spawn('openbox', ['--config-file', `${root}scripts/kiosk/openbox.xml`], { env, stdio: 'ignore' })
  const stop = () => {
    manager.kill()
    server.kill()
  }
  return { env, stop }
}

/** From the browser's start with a fresh profile until a window has the title of its page. */
async function timePage(
  browser: string,
  url: string,
  title: RegExp,
  uid: number,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const drop = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups']
  const words = [...drop, process.execPath, `${root}test/support/open-page.ts`, browser, url]
  const child = spawn('setpriv', words, { env, stdio: 'ignore' })
  const ended = once(child, 'exit')
  const ms = await timed(async () => {
    for (let titles = ''; !title.test(titles); ) {
      const look = run('xdotool', ['search', '--onlyvisible', '--name', '.', 'getwindowname', '%@'], { env })
      titles = await look.then(({ stdout }) => stdout).catch(() => '')
    }
  })
  child.kill('SIGTERM')
  await ended
  return ms
}

async function benchKiosk(): Promise<void> {
  const account = await createAccount()
  const daemon = await startDaemon({ config: { kiosk: { user: account.name } } })
  const ticketFile = join(daemon.runtime, 'kiosk', account.name)
  const bare = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>a bare page</title>')
  }).listen(0, '127.0.0.1')
  await once(bare, 'listening')
  const { port } = bare.address() as AddressInfo
  const { env, stop } = await startScreen()
  try {
    for (const browser of ['firefox', 'chromium']) {
      const times = { kiosk: [] as number[], bare: [] as number[] }
      for (let round = 0; round < 7; round += 1) {
        times.bare.push(await timePage(browser, `http://127.0.0.1:${port}/`, /a bare page/, account.uid, env))
        const ticket = readFileSync(ticketFile, 'utf8').trim()
        const link = `${daemon.url}/login?token=${ticket}&next=%2Fpostern%2F`
        times.kiosk.push(await timePage(browser, link, new RegExp(account.name), account.uid, env))
      }
      report(`${browser} to the logged-in page`, median(times.kiosk), median(times.bare), 'ms', 'at most 500 ms more')
    }
  } finally {
    stop()
    bare.close()
    await daemon.remove()
    await account.remove()
  }
}

const benches = {
  check: benchCheck,
  tls: benchTls,
  events: benchEvents,
  login: benchLogin,
  waiting: benchWaiting,
  start: benchStart,
  memory: benchMemory,
  kiosk: benchKiosk,
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2)
  const unknown = asked.filter(name => !(name in benches) && name !== 'growth')
  if (unknown.length > 0) throw new TypeError(`no such bench: ${unknown.join(' ')}`)
  const daemon = await startDaemon({ config })
  const account = await createAccount({ groups: ['sudo'] })
  try {
    for (const [name, bench] of Object.entries(benches))
      if (asked.length === 0 || asked.includes(name)) await bench(daemon, account)
  } finally {
    await daemon.remove()
    await account.remove()
    rmSync(scratch, { recursive: true, force: true })
  }
  if (asked.includes('growth')) await benchGrowth()
}

await main()
