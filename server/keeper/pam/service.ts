/** Whether libpam will find the service's own rules, since it would silently use those of `other` instead. */
import { readFileSync } from 'node:fs'
import { isServiceName } from './protocol.ts'

/** The directories that every Linux-PAM looks in, in its order. */
export const SERVICE_DIRECTORIES: readonly string[] = ['/etc/pam.d', '/usr/lib/pam.d']

/**
 * The path of the service's file; throws when there is none, or none with rules for `auth` and `account`.
 * Reads the file, and does not follow its includes.
 */
export function requirePamService(service: string, directories: readonly string[] = SERVICE_DIRECTORIES): string {
  if (!isServiceName(service)) throw new TypeError(`pam service ${JSON.stringify(service)}: expected a lower-case name`)
  for (const directory of directories) {
    const path = `${directory}/${service}`
    const rules = readRules(path)
    if (rules === null) continue
    // A type without rules would come from `other` as well.
    const missing = ['auth', 'account'].filter(type => !hasRules(rules, type))
    if (missing.length > 0) throw new Error(`pam service file ${path}: no rules for ${missing.join(' and ')}`)
    return path
  }
  throw new Error(`pam service ${service}: no such file in ${directories.join(' or ')}`)
}

function readRules(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

function hasRules(rules: string, type: string): boolean {
  return rules.split('\n').some(line => new RegExp(`^\\s*(-?${type}|@include)\\s`, 'i').test(line))
}
