/** `kiosk`: shows a page of postern on this screen, logged in by the daemon's ticket, for as long as the session lives. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseNext } from '../server/operations/next.ts'
import type { Context, Run } from './context.ts'
import type { Exit } from './exit.ts'
import { CommandFault } from './fault.ts'
import { examples } from './help.ts'

const browsers = ['firefox', 'chromium'] as const

interface KioskOptions {
  readonly browser: (typeof browsers)[number]
  readonly url: string
  readonly program?: string
}

/** Adds the command. */
export function addKiosk(program: Command, run: Run): void {
  program
    .command('kiosk')
    .argument('[arguments...]', 'further arguments of the browser, after --')
    .description("fill this screen with a page, logged in as the kiosk; run by the kiosk's user when a session starts")
    .addOption(new Option('--browser <browser>', 'which').choices(browsers).makeOptionMandatory())
    .option('--url <path>', 'the page', parsePath, '/')
    .option('--program <file>', "the browser's program; the first on the path when left out")
    .addHelpText(
      'after',
      examples(
        ['postern kiosk --browser firefox', 'in a start-up script of the session'],
        ['postern kiosk --browser chromium --url /board', 'another page than the first'],
        ['cage -- postern kiosk --browser firefox', 'the whole session, on Wayland'],
        ['postern kiosk --browser chromium -- --force-device-scale-factor=2', ''],
      ),
    )
    .action(run(runUntilStopped))
}

/** A path as the daemon's `next` wants it: it would go elsewhere with another, and the screen would show that. */
function parsePath(text: string): string {
  const path = parseNext(text)
  if (path !== null) return path
  throw new InvalidArgumentError('expected a path of this site, such as /postern/.')
}

async function runUntilStopped(
  context: Context,
  words: readonly string[],
  { browser: name, url: next, program }: KioskOptions,
): Promise<Exit | undefined> {
  context.requireThisMachine('kiosk')
  const { env, uid } = context.place
  requireSession(env, uid)
  const { findKind, findProgram, Browser } = await import('./kiosk/browser.ts')
  const { KioskDaemon } = await import('./kiosk/daemon.ts')
  const { findMemory, sweepPrivateDirectories } = await import('./kiosk/private-directory.ts')
  const { runKiosk } = await import('./kiosk/loop.ts')
  const kind = findKind(name)
  const memory = findMemory(env, uid)
  const launcher = { kind, program: program ?? findProgram(kind, env), words, env, memory }
  const waitingPage = findWaitingPage()
  sweepPrivateDirectories(memory, uid)
  const stop = new AbortController()
  let exit: Exit = 'ok'
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGINT') exit = 'interrupted'
      stop.abort()
    })
  }
  const daemon = new KioskDaemon(context.place, userInfo().username)
  // A question that waits for its answer would hold up the end.
  stop.signal.addEventListener('abort', () => daemon.close())
  const open = (address: string, secret: string | null) => new Browser(launcher, address, secret)
  const say = (text: string) => context.say(text)
  await runKiosk({ daemon, name, next, open, waitingPage, say, stop: stop.signal })
  return exit
}

/** A browser that root runs would give the whole machine to a page; and without a display there is no browser. */
function requireSession(env: NodeJS.ProcessEnv, uid: number): void {
  if (uid === 0)
    throw new CommandFault('usage', "root's browser would be everybody's way to root", "run it as the kiosk's user")
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY)
    throw new CommandFault(
      'usage',
      'there is no display here: neither WAYLAND_DISPLAY nor DISPLAY is set',
      'cage -- postern kiosk … makes one; see "a kiosk in five minutes" in the README',
    )
}

/** Beside the program. */
function findWaitingPage(): string {
  const path = join(dirname(process.argv[1] ?? ''), 'kiosk/waiting.html')
  if (!existsSync(path)) throw new CommandFault('storage', `there is no ${path}`, 'postern is not installed as a whole')
  return pathToFileURL(path).href
}
