/** `remote`: whether other machines are served. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { type Context, type Run, requireYes } from './context.ts'
import { examples } from './help.ts'
import { systemRuntime } from './instance.ts'

const unit = 'postern-remote.socket'

/** Adds the command. */
export function addRemote(program: Command, run: Run): void {
  const remote = program
    .command('remote')
    .description('serve other machines over HTTPS, or no longer')
    .helpCommand(false)
    .addHelpText('after', examples(['postern remote on', 'HTTPS at port 7643'], ['postern remote off', '']))
  remote
    .command('on')
    .description('serve other machines over HTTPS at port 7643, from now on and after each boot')
    .addHelpText('after', examples(['postern remote on', '']))
    .action(run(context => turn(context, true)))
  remote
    .command('off')
    .description('serve this machine alone')
    .addHelpText('after', examples(['postern remote off', '']))
    .action(run(context => turn(context, false)))
}

async function turn(context: Context, on: boolean) {
  const { call } = await context.connect()
  const value = requireYes(await call('remote.switch', { on }))
  await tellSystemd(context, on)
  const where = value.urls.map(url => `${url}\n`).join('')
  context.print(
    value,
    on ? `${where}fingerprint ${value.fingerprint ?? 'unknown'}\n` : 'other machines are not served\n',
  )
  return undefined
}

/**
 * From a gate's next start on systemd holds the socket, so that a gate that dies refuses nobody: it passes none to a gate
 * that runs, which has opened the port itself. Another machine's systemd is out of reach: it is said what it
 * is to be told.
 */
async function tellSystemd(context: Context, on: boolean): Promise<void> {
  const words = on ? ['enable', unit] : ['disable', '--now', unit]
  const command = `systemctl ${words.join(' ')}`
  if (context.host !== null) return context.say(`at ${context.host}, if systemd runs it, as root: ${command}`)
  if (context.place.runtime !== systemRuntime || !existsSync('/run/systemd/system')) return
  if (context.place.uid !== 0) return context.say(`as root: ${command}`)
  try {
    await promisify(execFile)('systemctl', ['--quiet', ...words], { timeout: 30_000 })
  } catch {
    context.say(`that did not work: ${command}`)
  }
}
