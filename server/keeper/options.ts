/** The arguments of posternd. */
import { parseArgs } from 'node:util'

/** What posternd is asked to do. */
export interface Options {
  readonly config: string | undefined
  /** Keeper alone; the gates are started by the service manager. */
  readonly keeperOnly: boolean
  readonly checkConfig: boolean
  readonly json: boolean
}

export const usage = `posternd: the login daemon. Keeper and gate in one command.

  posternd                    runs the keeper, which starts the gates itself
  posternd --keeper           runs the keeper alone (postern.service)
  posternd --gate             runs one gate (postern-gate@.service)
  posternd --config FILE      with FILE instead of /etc/postern/server.yml: a second instance, also as an ordinary user
  posternd --check-config     prints every fault of the configuration and ends; with --json as JSON
  posternd --version | --help
`

/** The options; throws a TypeError for arguments there are not. `--version` and `--help` are answered before. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: 'string' },
      keeper: { type: 'boolean', default: false },
      'check-config': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  return {
    config: values.config,
    keeperOnly: values.keeper,
    checkConfig: values['check-config'],
    json: values.json,
  }
}
