/** The handler of remote.switch: postern's own drop-in beside the configuration says whether other machines are served. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { remotePlace } from '../../config/listener.ts'
import { no, yes } from '../../operations/operation.ts'
import type { Random } from '../clock.ts'
import { type Configuration, ConfigurationError } from '../config/configuration.ts'
import type { HandlersOf } from '../dispatch.ts'
import { removeFile, writeSecretFile } from '../file.ts'
import type { Gates } from '../gates/gates.ts'
import { findAccountOf } from '../libc.ts'
import type { Tls } from '../tls/tls.ts'
import { urlsOf } from '../tls/url.ts'
import { findListenerUid } from './listener.ts'

const text = '# Written by `postern remote on`, removed by `postern remote off`.\nremote: true\n'

/** As a gate says that it serves it. */
const remoteUrl = `https://${remotePlace.address}:${remotePlace.port}`
/** How long the gates are waited for, in milliseconds: one that finds the port taken tries for two seconds. */
const followMs = 5000

export interface RemoteOptions {
  readonly configuration: Configuration
  readonly tls: Tls
  readonly gates: Pick<Gates, 'settled'>
  readonly random: Random
  readonly reload: () => Promise<unknown>
}

/** Why no gate serves other machines although it was told to. */
async function explainUnserved(): Promise<string> {
  const { port } = remotePlace
  const uid = findListenerUid(port)
  if (uid === null) return `no gate serves HTTPS at port ${port}: its log says why`
  return `port ${port} is taken, by a process of ${(await findAccountOf(uid))?.name ?? `uid ${uid}`}`
}

export function remoteHandlers({ configuration, tls, gates, random, reload }: RemoteOptions): HandlersOf<'remote.'> {
  const directory = configuration.dropIns
  const file = join(directory, '90-remote.yml')

  /** Switches it, and says why it is not so then; null when it is. */
  const turn = async (on: boolean): Promise<string | null> => {
    if (!on) removeFile(file)
    else if (!existsSync(file)) writeSecretFile(file, text, random, 0o644)
    await reload()
    if (configuration.config.remote !== on) {
      const { source } = configuration.loaded.originOf(['remote'])
      return `${source} says remote: ${!on}, and that counts: change it there`
    }
    const served = await gates.settled(followMs)
    return on && !served.has(remoteUrl) ? explainUnserved() : null
  }

  /** Takes back what was not taken: the file is what it was before. */
  const undo = async (former: string | null) => {
    if (existsSync(file) === (former !== null)) return
    if (former === null) removeFile(file)
    else writeSecretFile(file, former, random, 0o644)
    await reload().catch(() => {})
  }

  return {
    'remote.switch': async ({ on }) => {
      if (on && !existsSync(directory))
        return no('conflict', `there is no directory ${directory}: make it, or write remote: true yourself`)
      const former = existsSync(file) ? readFileSync(file, 'utf8') : null
      try {
        const fault = await turn(on)
        if (fault !== null) {
          await undo(former)
          return no('conflict', fault)
        }
      } catch (fault) {
        await undo(former)
        if (!(fault instanceof ConfigurationError)) throw fault
        return no('conflict', fault.message)
      }
      const { fingerprint = null } = tls.served?.certificate ?? {}
      return yes({ on, file, urls: on ? urlsOf([remotePlace]) : [], fingerprint: on ? fingerprint : null })
    },
  }
}
