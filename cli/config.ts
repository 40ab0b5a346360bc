/** `config`: the configuration in force, and whether that of the files is right. */
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { formatTable } from './columns.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { type Exit, exits } from './exit.ts'
import { CommandFault } from './fault.ts'
import { examples } from './help.ts'

/** Adds the command. */
export function addConfig(program: Command, run: Run): void {
  const config = program
    .command('config')
    .description('show and check the configuration')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples(['postern config show', 'what is in force'], ['postern config check', 'before a reload']),
    )
  config
    .command('show')
    .description('show the configuration in force, and where each value comes from; secrets are left out')
    .addHelpText('after', examples(['postern config show', ''], ['postern config show --json', '']))
    .action(run(show))
  config
    .command('check')
    .description('print every fault of the configuration with its file and line; the daemon need not run')
    .option('--config <file>', 'that file instead of the default one')
    .addHelpText('after', examples(['postern config check', ''], ['postern config check --config ./server.yml', '']))
    .action(run(check))
}

async function show(context: Context) {
  const { call } = await context.connect()
  const { values } = requireYes(await call('config.show', {}))
  const rows = values.map(({ key, value, from }) => [key, from, JSON.stringify(value)])
  context.print({ values }, formatTable(['KEY', 'FROM', 'VALUE'], rows, 'nothing'))
  return undefined
}

/** The daemon's own check, with its own output and exit status: nothing else reads a configuration. */
async function check(context: Context, { config }: { config?: string }): Promise<Exit> {
  context.requireThisMachine('config check')
  const program = join(dirname(realpathSync(process.argv[1] ?? '')), 'posternd.cjs')
  if (!existsSync(program)) throw new CommandFault('fault', `there is no ${program}: the daemon is not installed`)
  const args = [
    program,
    '--check-config',
    ...(config ? ['--config', config] : []),
    ...(context.isJson ? ['--json'] : []),
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const names = Object.keys(exits) as Exit[]
  return names.find(name => exits[name].status === status) ?? 'fault'
}
