/** `url`: a link that logs a browser of this machine in, once. */
import type { Command } from 'commander'
import { parseNext } from '../server/operations/next.ts'
import { maxTicketSeconds } from '../server/operations/ticket-life.ts'
import { type Context, type Run, requireYes } from './context.ts'

import { CommandFault } from './fault.ts'
import { examples } from './help.ts'
import { findHttpPlace, findInstance } from './instance.ts'
import { formatTime, parseDuration } from './time.ts'

interface Options {
  readonly user?: string
  readonly role?: string
  readonly ttl?: string
  readonly uid?: string
  readonly next?: string
  readonly qr?: true
}

/** Adds the command. */
export function addUrl(program: Command, run: Run): void {
  program
    .command('url')
    .description('print a login link: it logs a browser of this machine in, once')
    .option('--user <name>', 'log in as that user (default: who runs the command)')
    .option('--role <role>', 'let the session do no more than that role')
    .option('--ttl <duration>', 'how long the link is good, such as 60s, 10m or 1h', '60s')
    .option('--uid <number>', "only that uid's browser may use it")
    .option('--next <path>', 'the page to open', '/')
    .option('--qr', 'show it as a QR code as well')
    .addHelpText(
      'after',
      examples(
        ['postern url', 'a link for yourself, good for a minute'],
        ['postern url --user alice --role viewer --ttl 10m', "alice's, allowed to look only"],
        ['postern url --next /postern/docs --json', ''],
      ),
    )
    .action(run(printUrl))
}

async function printUrl(context: Context, { user, role, ttl = '60s', uid, next = '/', qr }: Options) {
  context.requireThisMachine('url')
  const path = parseNext(next)
  if (path === null) throw new CommandFault('usage', `--next ${next}: expected a path of this site, such as /postern/`)
  const input = {
    ...(user !== undefined && { user }),
    ...(role !== undefined && { role }),
    ...(uid !== undefined && { uid: parseUid(uid) }),
    ttl_seconds: parseTtl(ttl),
  }
  const { call } = await context.connect()
  const { ticket, ...told } = requireYes(await call('ticket.create', input))
  const { runtime, uid: own } = context.place
  const { origin } = findHttpPlace(findInstance(runtime, own), own)
  if (origin === null)
    throw new CommandFault('unreachable', 'the daemon listens at no loopback address', 'add one to `listen`')
  const url = `${origin}/login?token=${ticket}${path === '/' ? '' : `&next=${encodeURIComponent(path)}`}`
  context.say(`good once, on this machine, until ${formatTime(told.expires_at)}, for ${told.user.name}`)
  context.print({ url, ...told }, `${url}\n${qr ? await drawQr(url) : ''}`)
  return undefined
}

function parseUid(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new CommandFault('usage', `--uid ${text}: expected a number`, 'id -u NAME')
  return Number(text)
}

function parseTtl(text: string): number {
  const seconds = parseDuration(text)
  if (seconds === null || seconds < 1 || seconds > maxTicketSeconds)
    throw new CommandFault('usage', `--ttl ${text}: expected a time such as 60s, 10m or 1h, at most a day`)
  return seconds
}

/** For a terminal; the library is loaded when it is needed. */
async function drawQr(url: string): Promise<string> {
  const { default: qrcode } = await import('qrcode')
  return `${await qrcode.toString(url, { type: 'utf8', errorCorrectionLevel: 'L' })}\n`
}
