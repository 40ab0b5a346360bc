/** `completion`: what a shell offers at Tab, made from the commands themselves. */
import { Argument, type Command } from 'commander'
import { routes } from '../server/operations/routes.generated.ts'
import type { Run } from './context.ts'
import { examples } from './help.ts'

/** A place on the command line: the words that lead there, and those that may follow. */
interface Stop {
  readonly path: string
  readonly words: readonly string[]
}

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

/** Adds the command. */
export function addCompletion(program: Command, run: Run): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'whose').choices(Object.keys(shells)))
    .description('print what a shell needs to complete the commands of postern')
    .addHelpText(
      'after',
      examples(
        ['. <(postern completion bash)', ''],
        ['postern completion zsh >/usr/local/share/zsh/site-functions/_postern', ''],
        ['postern completion fish >~/.config/fish/completions/postern.fish', ''],
      ),
    )
    .action(
      run(async (context, shell: keyof typeof shells) => {
        const stops = findStops(program, '')
        context.print(stops, shells[shell](stops))
        return undefined
      }),
    )
}

/** Every place below `command`. Operations stand below `call`, and their members below them. */
export function findStops(command: Command, path: string): Stop[] {
  const options = command.options.filter(option => !option.hidden).flatMap(option => option.long ?? [])
  const choices = command.registeredArguments.flatMap(argument => argument.argChoices ?? [])
  const names = command.commands.map(one => one.name())
  const operations = path === ' call' ? Object.entries(routes) : []
  const words = [...names, ...operations.map(([name]) => name), ...choices, ...options]
  const below = command.commands.flatMap(one => findStops(one, `${path} ${one.name()}`))
  const members = operations.map(([name, { input }]) => ({
    path: `${path} ${name}`,
    words: [...Object.keys(input).map(key => `${key}=`), '--help'],
  }))
  return [{ path, words }, ...below, ...members]
}

/** Names of commands, operations, members and options: nothing in them needs quoting. */
function casesOf(stops: readonly Stop[]): string {
  return stops.map(({ path, words }) => `    '${path}') offer='${words.join(' ')}' ;;`).join('\n')
}

/**
 * Shell lines that walk over the words: each that leads on from where the walk is, is a step; options and values are not.
 * They are the same for bash and zsh, so they keep away from `path` and `words`, which are special in zsh.
 */
function walk(stops: readonly Stop[], wordsBefore: string): string {
  const paths = stops.map(({ path }) => `'${path}'`).join(' | ')
  return `  local stop='' word offer=''
  for word in ${wordsBefore}; do
    case "$stop $word" in
      ${paths}) stop="$stop $word" ;;
    esac
  done
  case "$stop" in
${casesOf(stops)}
  esac`
}

function bashScript(stops: readonly Stop[]): string {
  return `# bash completion for postern
_postern() {
${walk(stops, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  COMPREPLY=($(compgen -W "$offer" -- "\${COMP_WORDS[COMP_CWORD]}"))
  case "\${COMPREPLY[0]-}" in *=) compopt -o nospace 2>/dev/null ;; esac
}
complete -F _postern postern
`
}

function zshScript(stops: readonly Stop[]): string {
  return `#compdef postern
_postern() {
${walk(stops, `"\${(@)words[2,CURRENT-1]}"`)}
  compadd -- \${=offer}
}
compdef _postern postern
`
}

function fishScript(stops: readonly Stop[]): string {
  const lines = stops
    .filter(({ words }) => words.length > 0)
    .map(({ path, words }) => {
      const steps = path.trim().split(' ').filter(Boolean)
      const next = words.filter(word => !word.startsWith('-') && !word.endsWith('='))
      const seen = steps.map(step => `__fish_seen_subcommand_from ${step}`).join('; and ')
      const not = next.length > 0 ? `not __fish_seen_subcommand_from ${next.join(' ')}` : ''
      const condition = [seen, not].filter(Boolean).join('; and ') || 'true'
      return `complete -c postern -f -n '${condition}' -a '${words.join(' ')}'`
    })
  return `# fish completion for postern\n${lines.join('\n')}\n`
}
