/** The handler of remote.switch: postern's own drop-in beside the configuration says whether other machines are served. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { remotePlace } from '../../config/listener.ts'
import { no, yes } from '../../operations/operation.ts'
import type { Random } from '../clock.ts'
import { type Configuration, ConfigurationError } from '../config/configuration.ts'
import type { HandlersOf } from '../dispatch.ts'
import { removeFile, writeSecretFile } from '../file.ts'
import type { Tls } from '../tls/tls.ts'
import { urlsOf } from '../tls/url.ts'

const text = '# Written by `postern remote on`, removed by `postern remote off`.\nremote: true\n'

export interface RemoteOptions {
  readonly configuration: Configuration
  readonly tls: Tls
  readonly random: Random
  readonly reload: () => Promise<unknown>
}

export function remoteHandlers({ configuration, tls, random, reload }: RemoteOptions): HandlersOf<'remote.'> {
  const directory = configuration.dropIns
  const file = join(directory, '90-remote.yml')

  /** Takes back what a reload did not take. */
  const undo = async (on: boolean) => {
    if (on) removeFile(file)
    await reload().catch(() => {})
  }

  return {
    'remote.switch': async ({ on }) => {
      const wasThere = existsSync(file)
      if (on && !existsSync(directory))
        return no('conflict', `there is no directory ${directory}: make it, or write remote: true yourself`)
      try {
        if (on && !wasThere) writeSecretFile(file, text, random, 0o644)
        if (!on) removeFile(file)
        await reload()
      } catch (fault) {
        if (!wasThere) await undo(on)
        if (!(fault instanceof ConfigurationError)) throw fault
        return no('conflict', fault.message)
      }
      if (configuration.config.remote !== on) {
        const { source } = configuration.loaded.originOf(['remote'])
        if (!wasThere) await undo(on)
        return no('conflict', `${source} says remote: ${!on}, and that counts: change it there`)
      }
      const { fingerprint = null } = tls.served?.certificate ?? {}
      return yes({ on, file, urls: on ? urlsOf([remotePlace]) : [], fingerprint: on ? fingerprint : null })
    },
  }
}
