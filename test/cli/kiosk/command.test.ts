/** `postern kiosk` as a command: what it takes, what it refuses, and what a signal makes of it. */
import { spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exits } from '../../../cli/exit.ts'
import { type Account, createAccount } from '../../support/account.ts'

const program = join(import.meta.dirname, '../../../dist/postern.cjs')

const test = suite<{ folder: string; account: Account; env: NodeJS.ProcessEnv }>('cli/kiosk/command')
test.before(async context => {
  context.account = await createAccount()
})
test.after(({ account }) => account.remove())
test.before.each(context => {
  context.folder = mkdtempSync(join(tmpdir(), 'postern-kiosk-test-'))
  chmodSync(context.folder, 0o755)
  mkdirSync(join(context.folder, 'run'))
  chownSync(context.folder, context.account.uid, context.account.uid)
  // A browser that tells that it began, and stays.
  const browser = `#!/bin/sh\n: >${context.folder}/began\nsleep 60\n`
  writeFileSync(join(context.folder, 'chromium'), browser, { mode: 0o755 })
  const path = `${context.folder}:${process.env.PATH}`
  context.env = { PATH: path, HOME: context.folder, DISPLAY: ':99', POSTERN_RUNTIME: join(context.folder, 'run') }
})
test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }))

interface Run {
  readonly pid: number
  readonly ended: Promise<{ status: number | null; stderr: string }>
  kill(signal: NodeJS.Signals): void
}

function start(args: readonly string[], env: NodeJS.ProcessEnv, uid: number): Run {
  const drop = uid === 0 ? [] : ['/usr/bin/setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups']
  const [command = '', ...words] = [...drop, process.execPath, program, 'kiosk', ...args]
  const child = spawn(command, words, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', chunk => (stderr += chunk))
  const ended = new Promise<{ status: number | null; stderr: string }>(resolve =>
    child.once('close', status => resolve({ status, stderr })),
  )
  return { pid: child.pid ?? 0, ended, kill: signal => child.kill(signal) }
}

const wrong: { name: string; args: string[]; env?: NodeJS.ProcessEnv; asRoot?: true; says: RegExp }[] = [
  { name: 'no browser named', args: [], says: /--browser/ },
  { name: 'a browser that it does not know', args: ['--browser', 'lynx'], says: /firefox, chromium/ },
  { name: 'another site', args: ['--browser', 'chromium', '--url', '//evil.example/'], says: /a path of this site/ },
  {
    name: 'a whole address',
    args: ['--browser', 'chromium', '--url', 'http://evil.example/'],
    says: /a path of this site/,
  },
  { name: 'a path with a backslash', args: ['--browser', 'chromium', '--url', '/\\evil'], says: /a path of this site/ },
  { name: 'root', args: ['--browser', 'chromium'], asRoot: true, says: /root's browser/ },
  {
    name: 'no display',
    args: ['--browser', 'chromium'],
    env: { DISPLAY: '' },
    says: /no display.*: cage -- postern kiosk/s,
  },
  { name: 'no such browser here', args: ['--browser', 'firefox'], env: { PATH: '/nowhere' }, says: /apt-get install/ },
]
for (const { name, args, env, asRoot, says } of wrong)
  test(`refuses ${name}`, async context => {
    const { ended } = start(args, { ...context.env, ...env }, asRoot ? 0 : context.account.uid)
    const { status, stderr } = await ended
    assert.is(status, exits.usage.status, stderr)
    assert.match(stderr, says)
  })

for (const [signal, status] of [
  ['SIGTERM', 0],
  ['SIGHUP', 0],
  ['SIGINT', exits.interrupted.status],
] as const) {
  test(`${signal} ends the browser, removes its profile and exits ${status}`, async ({ folder, account, env }) => {
    const run = start(['--browser', 'chromium'], env, account.uid)
    for (let left = 500; !existsSync(join(folder, 'began')) && left > 0; left--) await wait(10)
    const directories = () => readdirSync('/dev/shm').filter(name => name.startsWith(`postern-kiosk-${run.pid}-`))
    assert.is(directories().length, 1)
    run.kill(signal)
    const ended = await run.ended
    assert.is(ended.status, status, ended.stderr)
    assert.match(ended.stderr, /waiting: the daemon is not ready/)
    assert.equal(directories(), [])
  })
}

test.run()
