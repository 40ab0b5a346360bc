/** `call`: any operation of the table, by its name. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Route } from '../server/operations/route.ts'
import { routes } from '../server/operations/routes.generated.ts'
import type { Name } from '../server/operations/table.ts'
import { formatTable } from './columns.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { stringify } from './escape.ts'
import { CommandFault } from './fault.ts'
import { examples } from './help.ts'
import { parseMembers } from './members.ts'
import { readAll } from './stdin.ts'

/** Adds the command. */
export function addCall(program: Command, run: Run): void {
  const command = program
    .command('call')
    .argument('[name]', 'the operation; without it, all are listed')
    .argument('[members...]', 'key=value, key:=json, key=@file, key=@- for standard input')
    .description('call an operation of the daemon')
    .helpOption(false)
    .option('-h, --help', 'display help for the command, or list the members of the operation')
    .addHelpText(
      'after',
      examples(
        ['postern call', 'the operations there are'],
        ['postern call session.list --help', 'what one takes'],
        ['postern call session.list everyone=true limit=10', ''],
        ['postern call login.begin user=alice password=@-', 'a secret comes from standard input, or a file'],
      ),
    )
  command.action(
    run(async (context, name: string | undefined, members: string[], { help = false }: { help?: boolean }) => {
      if (name === undefined) return help ? showHelp(command) : listOperations(context)
      const route = requireRoute(name)
      return help ? describeOperation(context, name, route) : callOperation(context, name as Name, route, members)
    }),
  )
}

async function showHelp(command: Command): Promise<undefined> {
  command.outputHelp()
}

function requireRoute(name: string): Route {
  if (Object.hasOwn(routes, name)) return routes[name as Name]
  const alike = Object.keys(routes).filter(one => one.startsWith(name.split('.')[0] ?? ''))
  const hint = alike.length > 0 ? `there is ${alike.join(', ')}` : 'postern call lists the operations'
  throw new CommandFault('usage', `there is no operation ${name}`, hint)
}

async function listOperations(context: Context): Promise<undefined> {
  const rows = Object.entries(routes).map(([name, { access, summary }]) => [name, access, summary])
  context.print(routes, formatTable(['OPERATION', 'NEEDS', 'WHAT IT DOES'], rows, 'none'))
}

async function describeOperation(context: Context, name: string, route: Route): Promise<undefined> {
  const { summary, method, path, access, input } = route
  const rows = Object.entries(input).map(([key, { type, required, about }]) => [
    `  ${key}`,
    type,
    required ? 'expected' : '',
    about,
  ])
  const http = path === null ? 'over root.sock only' : `${method} /postern/v1${path}`
  const members = formatTable(['Members:', '', '', ''], rows, 'It takes no members.')
  context.print(route, `${name}: ${summary}\n\nHTTP:   ${http}\nNeeds:  ${access}\n\n${members}`)
}

async function callOperation(context: Context, name: Name, route: Route, words: readonly string[]): Promise<undefined> {
  const input = await parseMembers(words, route.input, readText)
  if (route.path === null && !context.needsNoLogin)
    throw new CommandFault('usage', `${name} is called over root.sock only`)
  const { call } = await context.connect()
  // The keeper parses it again with the operation's schema.
  const value = requireYes(await call(name, input as Parameters<typeof call>[1]))
  context.print(value, `${stringify(value, 2)}\n`)
}

async function readText(path: string): Promise<string> {
  return path === '-' ? readAll(process.stdin) : readFile(path, 'utf8')
}
