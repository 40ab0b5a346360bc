/** postern: the command. It wires the commands to their words; each is in a file of its group. */
import { Command, CommanderError } from 'commander'
import { version } from '../server/operations/version.ts'
import { addCall } from './call.ts'
import { addCert } from './cert.ts'
import { addCompletion } from './completion.ts'
import { addConfig } from './config.ts'
import { Context, type GlobalOptions, type Run, reportFailure, runCommand } from './context.ts'
import { CommandFault } from './fault.ts'
import { addHelp, examples } from './help.ts'
import { parseRemote } from './host.ts'
import { runtimeDirectory } from './instance.ts'
import { addKiosk } from './kiosk.ts'
import { isPin } from './known-hosts.ts'
import { addLogin } from './login.ts'
import { addMonitor } from './monitor.ts'
import { addProxyConfig } from './proxy-config.ts'
import { addRemote } from './remote.ts'
import type { Remote } from './remote-key.ts'
import { addSession } from './session.ts'
import { addStatus } from './status.ts'
import { addThrottle } from './throttle.ts'
import { addUrl } from './url.ts'

/** Every group of commands, in the order that help shows. */
const groups = [
  ...[addStatus, addSession, addLogin, addUrl, addKiosk, addMonitor, addThrottle, addRemote, addCert],
  ...[addCall, addConfig, addProxyConfig, addHelp, addCompletion],
]

function createProgram(): Command {
  const program = new Command('postern')
    .description(
      'Talks to the login daemon of this machine, or of another: as root here without a password, else after login.',
    )
    .option('--json', 'print the result as JSON, and a refusal as a problem (RFC 9457)')
    .option(
      '--runtime <directory>',
      'the instance that has its sockets there (or POSTERN_RUNTIME; default /run/postern)',
    )
    .option('--http', 'over HTTP with the stored login, also as root')
    .option('--host <address>', "another machine's postern, such as https://box:7643 (or POSTERN_HOST)")
    .option('--fingerprint <pin>', 'SHA256:…, the key that the other machine must show (or POSTERN_FINGERPRINT)')
    .option('--insecure', 'take any key of the other machine, for this call')
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
        ['postern login --host box', 'a session at another machine, whose key is confirmed first'],
        ['postern sessions --everyone', 'who is signed in'],
        ['postern call', 'every operation there is'],
        ['postern help exit-codes', 'what a script can tell failures apart by'],
      ),
    )
  const run: Run =
    body =>
    async (...args) => {
      const options = program.opts<GlobalOptions>()
      const { json = false, runtime, http = false } = options
      const { env } = process
      const uid = process.geteuid?.() ?? 0
      const place = { runtime: runtimeDirectory(runtime, env), uid, env, http, remote: findRemote(options, env) }
      const context = new Context(place, json)
      if (place.remote?.insecure) context.say(`postern: warning: the key of ${place.remote.origin} is not checked`)
      await runCommand(context, () => body(context, ...args))
    }
  for (const add of groups) add(program, run)
  return program
}

/** The other machine that options or environment name; null for this one's own instance. Throws a `CommandFault` for a wrong one. */
function findRemote(options: GlobalOptions, env: NodeJS.ProcessEnv): Remote | null {
  const { host, runtime, insecure = false } = options
  if (host !== undefined && runtime !== undefined)
    throw new CommandFault('usage', '--host is another machine, --runtime an instance of this one')
  const address = host ?? (runtime === undefined ? env.POSTERN_HOST : undefined)
  if (!address) {
    if (insecure || options.fingerprint !== undefined)
      throw new CommandFault('usage', '--fingerprint and --insecure are about another machine', 'name it with --host')
    return null
  }
  const expected = options.fingerprint ?? (env.POSTERN_FINGERPRINT || null)
  if (expected !== null && !isPin(expected))
    throw new CommandFault('usage', 'the fingerprint is none, expected SHA256: and 43 characters')
  return { ...parseRemote(address), expected, insecure }
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
