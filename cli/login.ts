/** `login`, `logout` and `token`: a person's own session with a daemon. */
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import type { Output } from '../server/operations/table.ts'
import type { HttpConnection } from './connection.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { converse } from './conversation.ts'
import { CommandFault } from './fault.ts'
import { examples } from './help.ts'
import { findInstance } from './instance.ts'
import { loginCommand } from './report.ts'
import { createLineAsker, readAll, splitLines } from './stdin.ts'
import { toStoredLogin } from './stored-call.ts'
import { Terminal } from './terminal.ts'
import { formatTime } from './time.ts'

const notLoggedIn = ({ host }: Context) =>
  new CommandFault('permission', 'you are not logged in', `log in with: ${loginCommand(host)}`)

/** Adds the commands. */
export function addLogin(program: Command, run: Run): void {
  program
    .command('login')
    .argument('[user]', 'who; the own name when left out')
    .description('log in with your password, and keep the session for further commands')
    .option('--password-stdin', 'take the password from standard input; further lines answer further prompts')
    .addHelpText(
      'after',
      examples(
        ['postern login', 'asks whatever this machine asks: a password, a code, a new password'],
        ['postern login alice', 'as somebody else'],
        ['postern login --password-stdin <secret.txt', 'from a script'],
        ['postern login --host https://box:7643', 'at another machine, once its fingerprint is confirmed'],
      ),
    )
    .action(run(logIn))
  program
    .command('logout')
    .description('end the session that login made')
    .addHelpText(
      'after',
      examples(['postern logout', 'the tokens end at once, and are forgotten here'], ['postern logout --host box', '']),
    )
    .action(run(logOut))
  program
    .command('token')
    .description("print an access token: root's, or the one of your login, renewed if it has ended")
    .option('--refresh', 'renew it in any case')
    .addHelpText(
      'after',
      examples([
        'printf \'Authorization: Bearer %s\' "$(postern token)" | curl -H @- http://127.0.0.1:7640/postern/v1/me',
        '',
      ]),
    )
    .action(run(printToken))
}

async function logIn(context: Context, user: string | undefined, options: { passwordStdin?: true }) {
  const connection = await context.connectHttp()
  const name = user ?? userInfo().username
  const tokens = options.passwordStdin
    ? await logInWithLines(context, connection, name)
    : await logInOnTerminal(connection, name)
  await keep(connection, tokens)
  const { access_token: _access, refresh_token: _refresh, ...shown } = tokens
  context.print(shown, '')
  context.say(`logged in as ${tokens.session.user.name}, until ${formatTime(tokens.session.expires_at)} at the latest`)
  if (context.needsNoLogin)
    context.say("postern: hint: root's commands use root's own token; with --http they use this login")
  return undefined
}

async function logInOnTerminal({ call, meet }: HttpConnection, user: string): Promise<Output<'login.begin'>> {
  const terminal = new Terminal(process.stdin)
  await meet(terminal)
  return requireYes(await converse(call, await call('login.begin', { user }), terminal))
}

async function logInWithLines(
  context: Context,
  { call, meet }: HttpConnection,
  user: string,
): Promise<Output<'login.begin'>> {
  if (process.stdin.isTTY)
    throw new CommandFault('usage', 'standard input is a terminal, which would show the password')
  const show = (text: string) => context.say(text)
  await meet({ show })
  const [password, ...further] = splitLines(await readAll(process.stdin))
  if (password === undefined) throw new CommandFault('usage', 'standard input is empty, expected a password')
  const asker = createLineAsker(further, show)
  return requireYes(await converse(call, await call('login.begin', { user, password }), asker))
}

/** Stores the new login. The one that it replaces would live on for days without anybody who knows it: it is ended. */
async function keep(connection: HttpConnection, tokens: Output<'login.begin'>): Promise<void> {
  if (connection.login() !== null) await connection.call('session.end', {}).catch(() => undefined)
  await connection.logins.change(connection.origin, async () => toStoredLogin(tokens, Date.now()))
}

async function logOut(context: Context) {
  const connection = await context.connectHttp()
  const login = connection.login()
  if (login === null)
    throw context.needsNoLogin
      ? new CommandFault('permission', 'root needs no login and no logout')
      : notLoggedIn(context)
  const answer = await connection.call('session.end', {})
  // A session that has ended by itself is a logout too.
  if (!answer.ok && answer.reason !== 'unauthenticated') requireYes(answer)
  await connection.logins.change(connection.origin, async () => null)
  context.print({}, '')
  context.say(`${login.user} is logged out`)
  return undefined
}

async function printToken(context: Context, { refresh = false }: { refresh?: boolean }) {
  if (context.needsNoLogin) return printTokenFile(context, refresh)
  const connection = await context.connectHttp()
  const login = connection.login()
  if (login === null) throw notLoggedIn(context)
  const hasEnded = Date.parse(login.expires_at) <= Date.now()
  const fresh = refresh || hasEnded ? await connection.renew() : login
  if (fresh === null)
    throw new CommandFault('permission', 'the login has ended', `log in with: ${loginCommand(context.host)}`)
  if (refresh && fresh.access_token === login.access_token)
    throw new CommandFault('unreachable', 'the token could not be renewed now')
  context.print(
    { token: fresh.access_token, user: fresh.user, expires_at: fresh.expires_at },
    `${fresh.access_token}\n`,
  )
  return undefined
}

async function printTokenFile(context: Context, refresh: boolean) {
  const { readTokenFile } = await import('./link.ts')
  const token = readTokenFile(findInstance(context.place.runtime, context.place.uid))
  if (token === null)
    throw new CommandFault('unreachable', `there is no token in ${context.place.runtime}`, 'is the daemon running?')
  if (refresh) context.say("postern: hint: the daemon renews root's token by itself")
  context.print({ token, user: null, expires_at: null }, `${token}\n`)
  return undefined
}
