/** What a browser is started with, and what is left of it. A script stands for the browser. */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Browser, cleanEnvironment, findKind, findProgram, type Launcher } from '../../../cli/kiosk/browser.ts'
import { findMemory, makePrivateDirectory, sweepPrivateDirectories } from '../../../cli/kiosk/private-directory.ts'

const link = 'http://127.0.0.1:7640/login?token=t1ck3t&next=%2F'
const uid = process.getuid?.() ?? 0

const test = suite<{ folder: string; memory: string }>('cli/kiosk/browser')
test.before.each(context => {
  context.folder = mkdtempSync(join(tmpdir(), 'postern-browser-'))
  context.memory = mkdtempSync('/dev/shm/postern-browser-')
})
test.after.each(({ folder, memory }) => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(memory, { recursive: true, force: true })
})

/** A program that tells what it was given, then does as `script` says. */
function launcherOf(folder: string, memory: string, name: 'firefox' | 'chromium', script: string): Launcher {
  const program = join(folder, name)
  writeFileSync(
    program,
    `#!/bin/sh\nprintf '%s\\n' "$@" >${folder}/words\nenv >${folder}/env\n: >${folder}/began\n${script}\n`,
  )
  chmodSync(program, 0o755)
  const env = { PATH: process.env.PATH ?? '', HOME: '/home/kiosk', DISPLAY: ':1', POSTERN_RUNTIME: '/run/postern' }
  return { kind: findKind(name), program, words: ['--more'], env, memory }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let left = 500; !isSo(); left--) {
    if (left === 0) throw new Error('not within 5 s')
    await wait(10)
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

for (const name of ['firefox', 'chromium'] as const) {
  test(`${name} finds the link in its profile, and nobody else anywhere`, async ({ folder, memory }) => {
    const browser = new Browser(launcherOf(folder, memory, name, 'exec sleep 60'), link, 't1ck3t')
    try {
      await until(() => existsSync(join(folder, 'began')))
      const told = readFileSync(join(folder, 'words'), 'utf8') + readFileSync(join(folder, 'env'), 'utf8')
      assert.not.match(told, /t1ck3t|POSTERN_/)
      assert.match(told, /^--more$/m)
      const [directory = ''] = readdirSync(memory)
      assert.is(statSync(join(memory, directory)).mode & 0o777, 0o700)
      const holders = filesBelow(memory).filter(file => readFileSync(file, 'utf8').includes('t1ck3t'))
      assert.is(holders.length, 1)
      assert.is(statSync(holders[0] ?? '').mode & 0o777, 0o600)
    } finally {
      await browser.end()
    }
    assert.equal(readdirSync(memory), [])
  })
}

test('Firefox is given its preferences as JavaScript, and no key that opens a window', async ({ folder, memory }) => {
  const files = findKind('firefox').files('http://127.0.0.1/"\n')
  assert.match(files['user.js'] ?? '', /^user_pref\("browser\.startup\.homepage", "http:\/\/127\.0\.0\.1\/\\"\\n"\);$/m)
  assert.match(files['user.js'] ?? '', /^user_pref\("browser\.startup\.homepage_override\.mstone", "ignore"\);$/m)
  assert.equal(JSON.parse(files['customKeys.json'] ?? '{}').key_newNavigatorTab, {})
  const browser = new Browser(launcherOf(folder, memory, 'firefox', 'exec sleep 60'), link, 't1ck3t')
  browser.forgetLink()
  assert.not.ok(filesBelow(memory).some(file => readFileSync(file, 'utf8').includes('t1ck3t')))
  await browser.end()
})

test('finds no browser whose policies lie where policies/install writes none', ({ folder }) => {
  for (const name of ['google-chrome', 'google-chrome-stable']) {
    writeFileSync(join(folder, name), '')
    chmodSync(join(folder, name), 0o755)
  }
  assert.throws(() => findProgram(findKind('chromium'), { PATH: folder }), /there is no chromium here/)
})

test('ends every process of the browser, with the profile', async ({ folder, memory }) => {
  const script = `sleep 61 & echo $! >${folder}/child; trap '' TERM; sleep 62`
  const browser = new Browser(launcherOf(folder, memory, 'chromium', script), link, 't1ck3t')
  await until(() => existsSync(join(folder, 'child')) && readFileSync(join(folder, 'child'), 'utf8') !== '')
  await browser.end()
  const child = readFileSync(join(folder, 'child'), 'utf8').trim()
  const state = existsSync(`/proc/${child}`) ? readFileSync(`/proc/${child}/stat`, 'utf8').split(' ')[2] : 'gone'
  assert.ok(state === 'gone' || state === 'Z', state ?? '')
  assert.equal(readdirSync(memory), [])
})

test('tells how a browser ended and its last words, without the ticket', async ({ folder, memory }) => {
  const launcher = launcherOf(folder, memory, 'chromium', 'echo "no display for t1ck3t" >&2; exit 3')
  const browser = new Browser(launcher, link, 't1ck3t')
  await until(() => browser.over.aborted && browser.lastWords !== '')
  assert.is(browser.how, 'exit status 3')
  assert.is(browser.lastWords, 'no display for [secret]')
  await browser.end()
})

test('Chromium is over when it tells of a crashed page, whatever the titles of its pages are', async ({
  folder,
  memory,
}) => {
  const tells = (text: string) => `printf '%s\\0' '${text}' >&4`
  const title = JSON.stringify({
    method: 'Target.targetInfoChanged',
    params: { title: '"method":"Target.targetCrashed"' },
  })
  const script = `head -c 20 <&3 >${folder}/asked; ${tells(title)}; : >${folder}/titled; sleep 0.2
    printf '{"method":"Target.targ' >&4; sleep 0.1; ${tells('etCrashed","params":{}}')}; sleep 60`
  const browser = new Browser(launcherOf(folder, memory, 'chromium', script), link, 't1ck3t')
  await until(() => existsSync(join(folder, 'titled')))
  assert.match(readFileSync(join(folder, 'asked'), 'utf8'), /"method":"Ta/)
  assert.is(browser.over.aborted, false)
  await until(() => browser.over.aborted)
  assert.is(browser.how, 'its page crashed')
  await browser.end()
})

test('Chromium is told to close every page but its first, and nothing else', async ({ folder, memory }) => {
  const tells = (targetInfo: object) =>
    `printf '%s\\0' '${JSON.stringify({ method: 'Target.targetCreated', params: { targetInfo } })}' >&4`
  const created = [
    { type: 'worker', targetId: 'worker' },
    { type: 'page', targetId: 'prepared', subtype: 'prerender' },
    { type: 'page', targetId: 'first' },
    { type: 'page', targetId: 'second' },
    { type: 'page', targetId: 'third' },
  ]
  const script = `${created.map(tells).join('; ')}; timeout 1 cat <&3 >${folder}/asked; : >${folder}/over; sleep 60`
  const browser = new Browser(launcherOf(folder, memory, 'chromium', script), link, 't1ck3t')
  await until(() => existsSync(join(folder, 'over')))
  const [, ...closed] = readFileSync(join(folder, 'asked'), 'utf8').split('\0').slice(0, -1)
  const commands = closed.map(text => JSON.parse(text) as { method: string; params: { targetId: string } })
  assert.equal(
    commands.map(({ method, params }) => `${method} ${params.targetId}`),
    ['Target.closeTarget second', 'Target.closeTarget third'],
  )
  await browser.end()
})

test('a program that cannot be started is an end like any other', async ({ folder, memory }) => {
  const launcher = { ...launcherOf(folder, memory, 'chromium', ''), program: join(folder, 'nothing') }
  const browser = new Browser(launcher, link, 't1ck3t')
  await until(() => browser.over.aborted)
  assert.match(browser.how, /ENOENT/)
  await browser.end()
  assert.equal(readdirSync(memory), [])
})

test('a browser has its home in memory, and the display still its secret', () => {
  const env = {
    HOME: '/home/kiosk',
    DISPLAY: ':1',
    XDG_CACHE_HOME: '/home/kiosk/.cache',
    XDG_RUNTIME_DIR: '/run/user/7',
  }
  assert.equal(cleanEnvironment({ ...env, POSTERN_RUNTIME: '/x', NOTIFY_SOCKET: '/y' }, '/m'), {
    HOME: '/m',
    TMPDIR: '/m/tmp',
    DISPLAY: ':1',
    XAUTHORITY: '/home/kiosk/.Xauthority',
    XDG_RUNTIME_DIR: '/run/user/7',
  })
})

test('finds the first of its names on the path, and says what to install where there is none', ({ folder }) => {
  writeFileSync(join(folder, 'firefox'), '', { mode: 0o755 })
  assert.is(findProgram(findKind('firefox'), { PATH: folder }), join(folder, 'firefox'))
  assert.throws(
    () => findProgram(findKind('chromium'), { PATH: folder }),
    (fault: { hint?: string }) => /apt-get install chromium/.test(fault.hint ?? ''),
  )
})

test('takes only memory for a profile: never a disk, never a directory that others can change', ({
  folder,
  memory,
}) => {
  assert.is(findMemory({ XDG_RUNTIME_DIR: memory }, uid), memory)
  assert.is(findMemory({ XDG_RUNTIME_DIR: folder }, uid), '/dev/shm')
  chmodSync(memory, 0o777)
  assert.is(findMemory({ XDG_RUNTIME_DIR: memory }, uid), '/dev/shm')
  assert.is(findMemory({}, uid), '/dev/shm')
})

test('removes what a kiosk left that was killed, and nothing of one that lives', ({ memory }) => {
  const own = makePrivateDirectory(memory)
  const made = makePrivateDirectory(memory)
  // A process number beyond what a kernel gives out.
  const left = made.replace(/kiosk-\d+-/, 'kiosk-4194999-')
  renameSync(made, left)
  writeFileSync(join(memory, 'other'), '')
  sweepPrivateDirectories(memory, uid + 1)
  assert.ok(existsSync(left))
  sweepPrivateDirectories(memory, uid)
  assert.equal(readdirSync(memory).sort(), ['other', own.slice(memory.length + 1)].sort())
})

test.run()
