/** `throttle`: who has to wait after failed logins, and how to let them go. */
import type { Command } from 'commander'
import type { Output } from '../server/operations/table.ts'
import { formatTable } from './columns.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { examples } from './help.ts'
import { listAll } from './pages.ts'
import { formatDuration } from './time.ts'

type Penalty = Output<'throttle.list'>['items'][number]

/** Adds the command. */
export function addThrottle(program: Command, run: Run): void {
  const throttle = program
    .command('throttle')
    .description('list and forget failed logins')
    .helpCommand(false)
    .addHelpText('after', examples(['postern throttle', 'the list'], ['postern throttle clear', 'forget all']))
  throttle
    .command('list', { isDefault: true })
    .description('list the sources and accounts whose failed logins still count')
    .addHelpText('after', examples(['postern throttle', ''], ['postern throttle list --json', '']))
    .action(run(listPenalties))
  throttle
    .command('clear')
    .description('forget the failed logins of a source, of an account, or all')
    .option('--source <source>', 'an address, an IPv6 network or a uid, as the list shows it')
    .option('--account <name>', 'that account')
    .addHelpText(
      'after',
      examples(
        ['postern throttle clear --source 192.0.2.7', ''],
        ['postern throttle clear', 'everybody may try again'],
      ),
    )
    .action(run(clear))
}

async function listPenalties(context: Context) {
  const { call } = await context.connect()
  const items = await listAll(async page => requireYes(await call('throttle.list', page)))
  context.print({ items, next: null }, formatPenalties(items))
  return undefined
}

/** The list for people. */
export function formatPenalties(items: readonly Penalty[]): string {
  const rows = items.map(({ source, account, failures, retry_after: seconds }) => [
    source ?? '-',
    account ?? '-',
    String(failures),
    seconds > 0 ? formatDuration(seconds) : '-',
  ])
  return formatTable(['SOURCE', 'ACCOUNT', 'FAILURES', 'WAITS'], rows, 'no failed logins count')
}

async function clear(context: Context, options: { source?: string; account?: string }) {
  const { call } = await context.connect()
  const value = requireYes(await call('throttle.clear', options))
  context.print(value, `cleared ${value.cleared}\n`)
  return undefined
}
