/** `whoami` and `sessions`: who is signed in, and how that ends. */
import type { Command } from 'commander'
import type { Output } from '../server/operations/table.ts'
import { formatFields, formatTable } from './columns.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { escapeLine } from './escape.ts'
import { examples } from './help.ts'
import { listAll } from './pages.ts'
import { formatTime } from './time.ts'

type Session = Output<'session.current'>['session']

/** Adds the commands. */
export function addSession(program: Command, run: Run): void {
  program
    .command('whoami')
    .description('say who you are to the daemon, and what you may do')
    .addHelpText('after', examples(['postern whoami', ''], ['postern whoami --http', "root, with root's stored login"]))
    .action(run(printWhoami))
  const sessions = program
    .command('sessions')
    .description('list sessions, and end them')
    .helpCommand(false)
    .addHelpText('after', examples(['postern sessions', 'yours'], ['postern sessions revoke-all --others', '']))
  addList(sessions.command('list', { isDefault: true }), run)
  sessions
    .command('revoke')
    .argument('<id...>', 'as the list shows it')
    .description("end sessions: yours, or as an administrator anybody's")
    .addHelpText('after', examples(['postern sessions revoke Zm9vYmFyYmF6cXV4Zm9vYg', '']))
    .action(run(revoke))
  sessions
    .command('revoke-all')
    .description("end all your sessions, or as an administrator another user's")
    .option('--user <name>', "that user's")
    .option('--others', 'all but the one that this command uses')
    .addHelpText(
      'after',
      examples(['postern sessions revoke-all --others', ''], ['postern sessions revoke-all --user alice', '']),
    )
    .action(run(revokeAll))
}

function addList(command: Command, run: Run): void {
  command
    .description('list sessions; yours, unless an option says whose')
    .option('--user <name>', "that user's")
    .option('--everyone', "everybody's")
    .addHelpText('after', examples(['postern sessions', ''], ['postern sessions --everyone --json', '']))
    .action(run(listSessions))
}

async function printWhoami(context: Context) {
  const { call } = await context.connect()
  const { user, roles, permissions, session } = requireYes(await call('session.current', {}))
  const text = formatFields([
    ['user', user.name],
    ['realm', user.realm],
    ['roles', roles.join(', ') || '-'],
    ['permissions', permissions.join(', ') || '-'],
    ['session', `${session.id}, ${session.kind}, until ${formatTime(session.expires_at)}`],
  ])
  context.print({ user, roles, permissions, session }, text)
  return undefined
}

async function listSessions(context: Context, options: { user?: string; everyone?: boolean }) {
  const { call } = await context.connect()
  const items = await listAll(async page => requireYes(await call('session.list', { ...options, ...page })))
  context.print({ items, next: null }, formatSessions(items))
  return undefined
}

/** The list for people; the session that asks is marked. */
export function formatSessions(items: readonly Session[]): string {
  const rows = items.map(session => [
    `${session.id}${session.current ? ' *' : ''}`,
    session.user.name,
    session.kind,
    formatTime(session.created_at),
    formatTime(session.last_used_at),
    formatTime(session.expires_at),
    session.source,
    session.agent ?? '-',
  ])
  return formatTable(['ID', 'USER', 'KIND', 'SINCE', 'LAST USED', 'UNTIL', 'FROM', 'WITH'], rows, 'no sessions')
}

async function revoke(context: Context, ids: string[]) {
  const { call } = await context.connect()
  for (const id of ids) {
    requireYes(await call('session.revoke', { id }))
    if (!context.isJson) context.print(null, `ended ${escapeLine(id)}\n`)
  }
  if (context.isJson) context.print({ revoked: ids.length }, '')
  return undefined
}

async function revokeAll(context: Context, options: { user?: string; others?: boolean }) {
  const { call } = await context.connect()
  const value = requireYes(await call('session.revoke_all', options))
  context.print(value, `ended ${value.revoked} ${value.revoked === 1 ? 'session' : 'sessions'}\n`)
  return undefined
}
