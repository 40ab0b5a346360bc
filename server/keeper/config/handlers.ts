/** The handlers of the config operations. */
import { redactedConfig } from '../../config/show.ts'
import { no, yes } from '../../operations/operation.ts'
import type { HandlersOf } from '../dispatch.ts'
import { type Configuration, ConfigurationError } from './configuration.ts'

export function configHandlers({
  configuration,
  reload,
}: {
  configuration: Configuration
  reload: () => Promise<{ restartNeeded: string[] }>
}): HandlersOf<'config.'> {
  return {
    'config.show': async () => yes({ values: redactedConfig(configuration.loaded) }),
    'config.reload': async () => {
      try {
        const { restartNeeded } = await reload()
        return yes({ restart_needed: restartNeeded })
      } catch (fault) {
        if (fault instanceof ConfigurationError) return no('conflict', fault.message)
        throw fault
      }
    },
  }
}
