/** `help`, and how help is laid out. */
import type { Command } from 'commander'
import type { Run } from './context.ts'
import { exits, formatExits } from './exit.ts'
import { CommandFault } from './fault.ts'

/** Examples below a command's help: what to type, and what it does. */
export function examples(...lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.filter(([, about]) => about !== '').map(([typed]) => typed.length), 0)
  const rows = lines.map(([typed, about]) => `  ${about === '' ? typed : `${typed.padEnd(width)}   ${about}`}`)
  return `\nExamples:\n${rows.join('\n')}`
}

/** Adds `help [topic…]`: a command's help, or `exit-codes`. */
export function addHelp(program: Command, run: Run): void {
  program.helpCommand(false)
  program
    .command('help')
    .argument('[topic...]', 'a command, or exit-codes')
    .description('say more about a command, or list the exit codes')
    .addHelpText('after', examples(['postern help login', ''], ['postern help exit-codes', '']))
    .action(
      run(async (context, topic: string[]) => {
        if (topic.join(' ') === 'exit-codes') context.print(Object.values(exits), formatExits())
        else findCommand(program, topic).outputHelp()
        return undefined
      }),
    )
}

function findCommand(program: Command, topic: readonly string[]): Command {
  let command = program
  for (const word of topic) {
    const found = command.commands.find(one => one.name() === word)
    if (!found) throw new CommandFault('usage', `there is no help about ${topic.join(' ')}`, 'postern help')
    command = found
  }
  return command
}
