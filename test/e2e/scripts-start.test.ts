/** scripts/start: it says first what it will do, is ready soon, prints commands that work, and Ctrl-C ends all of it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as settled } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runOnTerminal } from '../cli/pty.ts'
import { createPamService, type PamService, UNIX_RULES } from '../support/account.ts'
import { ask, type Reply } from '../support/http.ts'
import { bootMachine, type Machine, tree } from '../support/machine.ts'

const test = suite('e2e scripts/start')
const start = join(tree, 'scripts/start')

let directory: string
let service: PamService
let port: number
let configFile: string

test.before(async () => {
  execFileSync(join(tree, 'scripts/build'), { stdio: 'pipe' })
  directory = mkdtempSync(join(tmpdir(), 'postern-start-'))
  chmodSync(directory, 0o755)
  service = createPamService(UNIX_RULES)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  port = address !== null && typeof address === 'object' ? address.port : 0
  server.close()
  const paths = Object.fromEntries(
    ['runtime', 'gate_runtime', 'state', 'gate_state', 'log', 'jobs'].map(name => [name, join(directory, name)]),
  )
  const listen = [{ unix: 'http.sock' }, { address: '127.0.0.1', port }]
  configFile = join(directory, 'server.yml')
  writeFileSync(configFile, JSON.stringify({ paths, listen, pam: { service: service.name } }), { mode: 0o600 })
})
test.after(async () => {
  await service?.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** scripts/start in a process group of its own, as a terminal has it. */
class Started {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  output = ''
  /** Milliseconds from its start until it said that it is ready. */
  readonly ready: Promise<number>

  constructor(child: ChildProcess) {
    const startedMs = performance.now()
    this.#child = child
    this.#ended = once(child, 'close')
    this.ready = new Promise((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        this.output += chunk
        if (this.output.includes('and in a browser')) resolve(performance.now() - startedMs)
      }
      child.stdout?.on('data', hear)
      child.stderr?.on('data', hear)
      child.once('close', code => reject(new Error(`start ended (${code}):\n${this.output}`)))
    })
    // Not every test waits for it.
    this.ready.catch(() => {})
    // What is not ready by then never will be.
    const limit = setTimeout(() => child.kill('SIGKILL'), 20_000)
    child.once('close', () => clearTimeout(limit))
  }

  static here(): Started {
    // It cannot outlive this test.
    const argv = ['--pdeathsig', 'KILL', start, '--config', configFile]
    return new Started(spawn('setpriv', argv, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  /** What a terminal does at Ctrl-C. */
  press(): void {
    process.kill(-this.pid, 'SIGINT')
  }

  ended(): Promise<unknown> {
    return this.#ended
  }

  /** The commands that it printed, as they are, and the address for a browser. */
  hints(): { commands: string[]; page: string } {
    const [, text = '', page = ''] =
      /Three things to try.*\n((?: {2}.*\n)+)and in a browser: (\S+)/.exec(this.output) ?? []
    return { commands: text.trim().split(/\n */), page }
  }
}

/** Processes of the group that still run. */
function runningIn(group: number): string[] {
  return spawnSync('pgrep', ['--pgroup', String(group), '--runstates', 'RSDT'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
}

/** The runtime directory's secrets and sockets. */
const left = () => readdirSync(join(directory, 'runtime')).filter(name => /^token|\.sock$/.test(name))

function assertInOrder(output: string, lines: readonly string[]): void {
  const places = lines.map(line => output.indexOf(line))
  assert.not.ok(places.includes(-1), output)
  assert.equal(
    places,
    places.toSorted((a, b) => a - b),
    output,
  )
}

test('it says first what it will do; a second start is ready in less than 3 s', async () => {
  for (const isSecond of [false, true]) {
    const started = Started.here()
    const readyMs = await started.ready
    assertInOrder(started.output, ['start: will build dist/', 'then run postern in the foreground', 'ready, version'])
    assert.is(started.output.indexOf('start: '), 0)
    if (isSecond) assert.ok(readyMs < 3000, `${readyMs} ms`)
    started.press()
    await started.ended()
  }
})

test('the commands that it prints work as they are printed, and so does the page', async () => {
  const started = Started.here()
  await started.ready
  const { commands, page } = started.hints()
  const [status, sessions, me] = commands.map(command =>
    spawnSync('sh', ['-c', command], { cwd: tree, encoding: 'utf8', timeout: 10_000 }),
  )
  assert.is(commands.length, 3)
  for (const done of [status, sessions, me]) assert.is(done?.status, 0, `${done?.stdout}${done?.stderr}`)
  assert.match(sessions?.stdout ?? '', 'root')
  assert.is(JSON.parse(me?.stdout ?? '').user.name, 'root')
  const reply = await ask(page)
  assert.is(reply.status, 200)
  assert.match(String(reply.headers['content-type']), 'text/html')
  started.press()
  await started.ended()
})

test('to a terminal it prints a link that logs a browser in, and to nothing else', async () => {
  const started = Started.here()
  await started.ready
  assert.not.match(started.output, 'token=')
  started.press()
  await started.ended()
  let opened: Reply | null = null
  // What is typed when the link is seen: Ctrl-C, once a browser has opened it.
  const shown = await runOnTerminal(`${start} --config ${configFile}`, process.env, [
    [
      /login\?token=\S+\r?\n/,
      async text => {
        opened = await ask(`http://127.0.0.1:${port}/${text.trim()}`)
        return '\x03'
      },
    ],
  ])
  assert.match(
    shown,
    /for ten minutes and once, without a password: http:\/\/127\.0\.0\.1:\d+\/login\?token=[\w-]{43}\s/,
  )
  assert.match(String((opened as Reply | null)?.headers['set-cookie']), /^postern-/)
})

test('Ctrl-C ends it cleanly: no token, no socket, no process, no port, and no complaint', async () => {
  const started = Started.here()
  await started.ready
  assert.equal(left().sort(), ['keeper.sock', 'root.sock', 'token'])
  const from = started.output.length
  const pressedMs = performance.now()
  started.press()
  // Who presses again while it stops does no harm.
  await settled()
  if (started.exitCode === null) started.press()
  await started.ended()
  const tookMs = performance.now() - pressedMs
  assert.ok(tookMs < 3000, `${tookMs} ms`)
  assert.is(started.exitCode, 0, started.output)
  assert.is(started.output.slice(from), '')
  assert.equal(left(), [])
  assert.equal(runningIn(started.pid), [])
  const outcome = await ask(`http://127.0.0.1:${port}/ping`).catch((fault: NodeJS.ErrnoException) => fault.code)
  assert.is(outcome, 'ECONNREFUSED')
})

/** Resolves when the start has come to where it makes that file. */
async function reached(started: Started, name: string): Promise<void> {
  const path = join(directory, 'runtime', name)
  while (!existsSync(path) && started.exitCode === null) await settled()
}

for (const name of ['keeper.sock', 'root.sock', 'token'])
  test(`Ctrl-C while it starts, as soon as there is ${name}, leaves nothing either`, async () => {
    for (let round = 0; round < 3; round += 1) {
      const started = Started.here()
      await reached(started, name)
      started.press()
      await started.ended()
      assert.is(started.exitCode, 0, started.output)
      assert.equal(left(), [])
      assert.equal(runningIn(started.pid), [])
      assert.is(/error|again/.test(started.output), false, started.output)
    }
  })

test('a stop while it starts does not wait for a gate that hangs', async () => {
  const started = Started.here()
  await reached(started, 'root.sock')
  const gate = Number(readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8').trim())
  process.kill(gate, 'SIGSTOP')
  process.kill(started.pid, 'SIGTERM')
  const pressedMs = performance.now()
  await started.ended()
  // The gate is given 2 s.
  assert.ok(performance.now() - pressedMs < 4000, `${performance.now() - pressedMs} ms`)
  assert.is(started.exitCode, 0, started.output)
  assert.equal(left(), [])
  assert.equal(runningIn(started.pid), [])
})

test('a configuration with a fault ends it, and says where', () => {
  const faulty = join(directory, 'faulty.yml')
  writeFileSync(faulty, 'listen:\n  - { address: nowhere, port: 1 }\n', { mode: 0o600 })
  const { status, stderr } = spawnSync(start, ['--config', faulty], { encoding: 'utf8', timeout: 20_000 })
  assert.is(status, 78, stderr)
  assert.match(stderr, 'faulty.yml:2')
})

test('an ordinary user is told what needs root, and what does not, and nothing is done', () => {
  const words = ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', start]
  const { status, stderr } = spawnSync('setpriv', words, { encoding: 'utf8', timeout: 10_000 })
  assert.is(status, 77, stderr)
  assert.match(stderr, /^postern: error: the system's instance needs root\npostern: hint: .*--config FILE.*\n$/)
})

const made = ['the system user postern', 'the PAM service /etc/pam.d/postern', 'the directory /run/postern ']

/** The system's instance in a machine that has nothing of postern; its process is the one in the file. */
function startIn(machine: Machine): Started {
  return new Started(machine.spawn(['sh', '-c', `echo $$ >/run/start.pid; exec ${start}`]))
}

async function stopIn(machine: Machine, started: Started): Promise<void> {
  machine.must('kill -INT "$(cat /run/start.pid)"')
  await started.ended()
  assert.is(started.exitCode, 0, started.output)
  assert.is(machine.run('ls /run/postern/token').status, 2)
}

test('on a machine without user, PAM service and directories it says first that it will make them', async () => {
  const machine = await bootMachine()
  try {
    const plan = machine.run([join(tree, 'scripts/prepare'), '--plan']).stderr
    for (const thing of made) assert.match(plan, `prepare: will make ${thing}`)
    assert.is(machine.run('id postern || ls /etc/pam.d/postern /run/postern /var/lib/postern').status, 2)

    const first = startIn(machine)
    await first.ready
    assertInOrder(first.output, [...made.map(thing => `prepare: will make ${thing}`), 'start: will build', 'ready'])
    machine.must('id postern && test -f /etc/pam.d/postern')
    const { commands } = first.hints()
    for (const command of commands) machine.must(`cd ${tree} && ${command}`)
    await stopIn(machine, first)

    const second = startIn(machine)
    assert.ok((await second.ready) < 3000)
    assert.not.match(second.output, 'prepare:')
    await stopIn(machine, second)
  } finally {
    await machine.remove()
  }
})

test.run()
