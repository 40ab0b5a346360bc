/** postern: the command. It wires the commands to their words; each is in a file of its group. */
import { Command, CommanderError } from 'commander'
import { version } from '../server/operations/version.ts'
import { addCall } from './call.ts'
import { addCompletion } from './completion.ts'
import { addConfig } from './config.ts'
import { Context, type GlobalOptions, type Run, reportFailure, runCommand } from './context.ts'
import { CommandFault } from './fault.ts'
import { addHelp, examples } from './help.ts'
import { runtimeDirectory } from './instance.ts'
import { addKiosk } from './kiosk.ts'
import { addLogin } from './login.ts'
import { addSession } from './session.ts'
import { addStatus } from './status.ts'
import { addThrottle } from './throttle.ts'
import { addUrl } from './url.ts'

/** Every group of commands, in the order that help shows. */
const groups = [
  addStatus,
  addSession,
  addLogin,
  addUrl,
  addKiosk,
  addThrottle,
  addCall,
  addConfig,
  addHelp,
  addCompletion,
]

function createProgram(): Command {
  const program = new Command('postern')
    .description('Talks to the login daemon of this machine: as root without a password, as anybody else after login.')
    .option('--json', 'print the result as JSON, and a refusal as a problem (RFC 9457)')
    .option(
      '--runtime <directory>',
      'the instance that has its sockets there (or POSTERN_RUNTIME; default /run/postern)',
    )
    .option('--http', 'over HTTP with the stored login, also as root')
    .version(version, '--version', 'print the version')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText(
      'after',
      examples(
        ['postern status', 'how the daemon is'],
        ['postern login', 'a session of your own'],
        ['postern url', 'a link that logs a browser of this machine in'],
        ['postern sessions --everyone', 'who is signed in'],
        ['postern call', 'every operation there is'],
        ['postern help exit-codes', 'what a script can tell failures apart by'],
      ),
    )
  const run: Run =
    body =>
    async (...args) => {
      const { json = false, runtime, http = false } = program.opts<GlobalOptions>()
      const uid = process.geteuid?.() ?? 0
      const place = { runtime: runtimeDirectory(runtime, process.env), uid, env: process.env, http }
      await runCommand(new Context(place, json), context => body(context, ...args))
    }
  for (const add of groups) add(program, run)
  return program
}

/** What commander throws: nothing to say after help and version, else a wrong command line. */
function reportCommander(fault: CommanderError, isJson: boolean): void {
  if (fault.exitCode === 0) return
  if (fault.code === 'commander.help') return reportFailure(new CommandFault('usage', 'expected a command'), isJson)
  const [message = '', guess] = fault.message.replace(/^error: /, '').split('\n')
  const hint = guess?.replace(/^\((.*)\?\)$/, '$1?').toLowerCase() ?? 'postern help'
  reportFailure(new CommandFault('usage', message, hint), isJson)
}

async function main(argv: string[]): Promise<void> {
  const program = createProgram()
  try {
    await program.parseAsync(argv)
  } catch (fault) {
    if (fault instanceof CommanderError) reportCommander(fault, argv.includes('--json'))
    else reportFailure(fault, argv.includes('--json'))
  }
}

// `postern sessions | head` has read enough: that is no fault.
process.stdout.on('error', fault => {
  if ('code' in fault && fault.code === 'EPIPE') process.exit(0)
  throw fault
})

void main(process.argv)
