/** posternd from its arguments to its end: configuration, signals, exit status. */
import type { ChildProcess } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import * as z from 'zod'
import { secretVariables } from '../config/environment.ts'
import { formatFaults } from '../config/fault.ts'
import { createLog, createRecorder, type Log } from '../link/log.ts'
import { requireServed } from './config/available.ts'
import { Configuration, ConfigurationError } from './config/configuration.ts'
import { Daemon } from './daemon.ts'
import { keepHeapSmall } from './libc.ts'
import type { Options } from './options.ts'
import { createServiceManager } from './service-manager.ts'

// zod would compile each schema at its first use: slower at start, and code generation in a root process.
z.config({ jitless: true })

/** Exit status for a faulty configuration (sysexits.h EX_CONFIG). */
const exitConfig = 78

/** Prints the faults of the configuration, or that there is none; the exit status. */
export async function checkConfiguration({ config, json }: Options, env: NodeJS.ProcessEnv): Promise<number> {
  try {
    const configuration = await Configuration.load({ env, ...(config !== undefined && { file: config }) })
    await requireServed(configuration.loaded)
    const { sources } = configuration.loaded
    process.stdout.write(json ? `${JSON.stringify({ faults: [], sources })}\n` : 'the configuration has no faults\n')
    return 0
  } catch (fault) {
    if (!(fault instanceof ConfigurationError)) throw fault
    process.stdout.write(json ? `${JSON.stringify({ faults: fault.faults })}\n` : `${formatFaults(fault.faults)}\n`)
    return exitConfig
  }
}

/** Ends the program with the faults of the configuration on stderr. */
async function loadOrExit(options: Options, env: NodeJS.ProcessEnv): Promise<Configuration> {
  try {
    const configuration = await Configuration.load({
      env,
      ...(options.config !== undefined && { file: options.config }),
    })
    await requireServed(configuration.loaded)
    return configuration
  } catch (fault) {
    logFault(
      createLog('posternd', () => 'error', env.JOURNAL_STREAM !== undefined),
      fault,
    )
    process.exit(exitStatusOf(fault))
  }
}

/** Logs why something cannot be done, a line for each fault of a configuration. */
function logFault(log: Log, fault: unknown): void {
  const text = fault instanceof Error ? fault.message : String(fault)
  for (const line of fault instanceof ConfigurationError ? text.split('\n') : [text]) log('error', line)
}

/** The service manager starts again after 1, and not after what only a person can mend. */
function exitStatusOf(fault: unknown): number {
  return fault instanceof ConfigurationError ? exitConfig : 1
}

/** Runs until it is told to stop. `programs` is the directory of the built programs, `firstGate` a gate that loads already. */
export async function runKeeper(options: Options, programs: string, firstGate: ChildProcess | null): Promise<void> {
  keepHeapSmall()
  const env = { ...process.env }
  // Whatever starts from here on does not see the secret.
  for (const name of secretVariables(env)) delete process.env[name]
  const configuration = await loadOrExit(options, env)
  const log = createLog('posternd', () => configuration.config.log.level, env.JOURNAL_STREAM !== undefined)
  const journal = createRecorder('posternd', env.JOURNAL_STREAM !== undefined)
  const manager = createServiceManager(env, process.pid)
  const { keeperOnly } = options
  const daemon = new Daemon({ keeperOnly, configuration, log, journal, programs, manager, firstGate })
  const stop = once(async () => {
    await daemon.stop()
    process.exit(0)
  })
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => daemon.reload().catch(fault => logFault(log, fault)))
  try {
    await daemon.start(env)
  } catch (fault) {
    logFault(log, fault)
    await daemon.stop()
    process.exit(exitStatusOf(fault))
  }
  // Once it is started, what is new stays within a few MiB: V8 would let it grow to 128 before it looks what of it is in use.
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** `run`, the first time only: a second Ctrl-C does not stop twice. */
function once(run: () => Promise<void>): () => void {
  let isStarted = false
  return () => {
    if (isStarted) return
    isStarted = true
    void run()
  }
}
