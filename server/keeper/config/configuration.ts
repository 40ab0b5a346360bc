/** The configuration in force, and its reload: a faulty one is refused and the present one kept. */
import { type Fault, formatFaults } from '../../config/fault.ts'
import { dropInDirectory, type Loaded, type LoadOptions, loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'

/** Keys whose change waits for a restart: what they name is open, running or in every token that was handed out. */
const needsRestart = [...['paths', 'listen', 'gate', 'keys', 'jwt_secret'], ...['token.algorithm', 'token.issuer']]

function valueAt(config: Config, key: string): unknown {
  if (key === 'jwt_secret') return config.jwt_secret?.reveal()
  return key.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], config)
}

/** Configuration faults: each with its place, for the one who wrote it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(`the configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}\n${formatFaults(faults)}`)
    this.faults = faults
  }
}

/** Holds the configuration. */
export class Configuration {
  readonly #options: LoadOptions
  #loaded: Loaded

  private constructor(options: LoadOptions, loaded: Loaded) {
    this.#options = options
    this.#loaded = loaded
  }

  /** Loads it. Throws `ConfigurationError` with every fault there is. */
  static async load(options: LoadOptions): Promise<Configuration> {
    const outcome = await loadConfig(options)
    if (!outcome.ok) throw new ConfigurationError(outcome.faults)
    return new Configuration(options, outcome)
  }

  get config(): Config {
    return this.#loaded.config
  }

  /** The directory of further files of the configuration; it need not be there. */
  get dropIns(): string {
    return dropInDirectory(this.#options)
  }

  get loaded(): Loaded {
    return this.#loaded
  }

  /**
   * Loads it again. What cannot change while running stays as it is and is named. Throws as `load` does, or what `check`
   * throws at what was loaded, or `adopt` once it is in force: then the former is in force again.
   */
  async reload(
    check: (loaded: Loaded) => Promise<void>,
    adopt: () => Promise<void>,
  ): Promise<{ restartNeeded: string[] }> {
    const outcome = await loadConfig(this.#options)
    if (!outcome.ok) throw new ConfigurationError(outcome.faults)
    await check(outcome)
    const before = this.#loaded
    const former = before.config
    const changed = needsRestart.filter(
      key => JSON.stringify(valueAt(former, key)) !== JSON.stringify(valueAt(outcome.config, key)),
    )
    const { paths, listen, gate, keys, jwt_secret } = former
    const { issuer } = former.token
    const { issuer: _waits, ...token } = outcome.config.token
    const config: Config = {
      ...outcome.config,
      ...{ paths, listen, gate, keys },
      ...(jwt_secret !== undefined && { jwt_secret }),
      token: { ...token, algorithm: former.token.algorithm, ...(issuer !== undefined && { issuer }) },
    }
    this.#loaded = { ...outcome, config }
    try {
      await adopt()
    } catch (fault) {
      this.#loaded = before
      throw fault
    }
    return { restartNeeded: [...changed] }
  }
}
