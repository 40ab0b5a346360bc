/** From a browser's start to the logged-in page, beside a page that does nothing. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAccount } from '../../test/support/account.ts'
import { startDaemon } from '../../test/support/daemon.ts'
import { median, report } from './report.ts'
import { retry, run, timed } from './run.ts'
import { root, type SetUp } from './set-up.ts'

/** A screen in memory with a window manager, for the browsers of the kiosk. */
async function startScreen(scratch: string): Promise<{ env: NodeJS.ProcessEnv; stop: () => void }> {
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

export async function benchKiosk({ scratch }: SetUp): Promise<void> {
  const account = await createAccount()
  const daemon = await startDaemon({ config: { kiosk: { user: account.name } } })
  const ticketFile = join(daemon.runtime, 'kiosk', account.name)
  const bare = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>a bare page</title>')
  }).listen(0, '127.0.0.1')
  await once(bare, 'listening')
  const { port } = bare.address() as AddressInfo
  const { env, stop } = await startScreen(scratch)
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
