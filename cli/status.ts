/** `status` and `ping`: how the daemon is, and whether it is there. */
import { setTimeout as wait } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { Output } from '../server/operations/table.ts'
import { formatFields } from './columns.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { CommandFault } from './fault.ts'
import { examples } from './help.ts'
import { describeFailure } from './report.ts'
import { formatDuration } from './time.ts'

/** Adds the commands. */
export function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('say how the daemon is')
    .addHelpText('after', examples(['postern status', ''], ['postern status --json', 'for programs']))
    .action(run(printStatus))
  program
    .command('ping')
    .description('ask whether the daemon answers, from its HTTP port to its keeper; needs no login')
    .option('--wait <seconds>', 'wait so long for it', parseSeconds)
    .addHelpText('after', examples(['postern ping', ''], ['postern ping --wait 30', 'in a script, after starting it']))
    .action(run(ping))
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || seconds > 86_400) throw new InvalidArgumentError('expected seconds.')
  return seconds
}

async function printStatus(context: Context) {
  const { call } = await context.connect()
  const status = requireYes(await call('status', {}))
  context.print(status, formatStatus(status))
  return undefined
}

/** The status for people. */
export function formatStatus(status: Output<'status'>): string {
  return formatFields([
    ['version', status.version],
    ['up for', formatDuration(status.uptime_seconds)],
    ['listening', status.listeners],
    ['gates', status.gates.map(gate => `pid ${gate.pid}, for ${formatDuration(gate.connected_seconds)}`)],
    ['sessions', String(status.sessions)],
    ['logins', `${status.logins_in_progress} in progress`],
    ...(status.insecure.length > 0 ? [['insecure', status.insecure] as const] : []),
  ])
}

/** How long one attempt may take, in milliseconds, and the pause before the next one. */
const attemptMs = 5000
const pauseMs = 100

async function ping(context: Context, { wait: seconds = 0 }: { wait?: number }) {
  const { requireReady } = await import('./ping.ts')
  const beganMs = performance.now()
  const leftMs = () => seconds * 1000 - (performance.now() - beganMs)
  for (;;) {
    try {
      await requireReady(context.place, Math.max(attemptMs, leftMs()))
      context.print({ status: 'success' }, 'pong\n')
      return undefined
    } catch (fault) {
      const { exit, message, hint } = describeFailure(fault, context.host)
      if (exit !== 'unreachable') throw fault
      if (leftMs() <= 0)
        throw seconds > 0 ? new CommandFault(exit, `not ready in ${seconds} s: ${message}`, hint) : fault
      await wait(Math.min(pauseMs, Math.max(leftMs(), 1)))
    }
  }
}
