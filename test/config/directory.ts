/** A throw-away directory with configuration files for the tests, and the loading of what stands in them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Fault } from '../../server/config/fault.ts'
import { type Loaded, type LoadOutcome, loadConfig } from '../../server/config/load.ts'
import type { Environment } from '../../server/config/paths.ts'

/** A directory of root's; `remove` it after the tests. */
export function createDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'postern-config-'))
  return {
    path,
    write(name: string, text: string | Buffer, mode = 0o600): string {
      const file = join(path, name)
      mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
      writeFileSync(file, text)
      chmodSync(file, mode)
      return file
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** Loads one text as the explicit file. */
export async function loadText(text: string | Buffer, env: Environment = {}): Promise<LoadOutcome> {
  const directory = createDirectory()
  try {
    return await loadConfig({ file: directory.write('server.yml', text), env })
  } finally {
    directory.remove()
  }
}

/** The configuration, or an error that shows the faults. */
export function requireLoaded(outcome: LoadOutcome): Loaded {
  if (outcome.ok) return outcome
  throw new Error(outcome.faults.map(fault => `${fault.path}: ${fault.message}`).join('\n'))
}

/** The faults; none of a configuration without. */
export function faultsOf(outcome: LoadOutcome): Fault[] {
  return outcome.ok ? [] : outcome.faults
}

/** `line:column path: message`, for tables. */
export function briefly({ line, column, path, message }: Fault): string {
  return `${line ?? '-'}:${column ?? '-'} ${path}: ${message}`
}
