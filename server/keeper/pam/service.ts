/** Whether libpam will find the service's own rules, since it would silently use those of `other` instead. */
import { readFileSync } from 'node:fs'
import { isServiceName } from './protocol.ts'

/** The directories that every Linux-PAM looks in, in its order. */
export const SERVICE_DIRECTORIES: readonly string[] = ['/etc/pam.d', '/usr/lib/pam.d']

/** What an attempt asks libpam for; a type without rules would come from `other` as well. */
const TYPES = ['auth', 'account', 'password']

/** How deep includes are followed: one that includes itself would crash libpam. */
const MAX_DEPTH = 16

/**
 * The path of the service's file; throws when there is none, or none with rules for `auth`, `account` and `password`.
 * Follows `include` and `@include`, which may bring none; a `substack` is a rule of its own.
 */
export function requirePamService(service: string, directories: readonly string[] = SERVICE_DIRECTORIES): string {
  if (!isServiceName(service)) throw new TypeError(`pam service ${JSON.stringify(service)}: expected a lower-case name`)
  const file = findFile(service, directories)
  if (file === null) throw new Error(`pam service ${service}: no such file in ${directories.join(' or ')}`)
  const missing = TYPES.filter(type => !hasRules(file.rules, type, directories))
  if (missing.length > 0) throw new Error(`pam service file ${file.path}: no rules for ${missing.join(' and ')}`)
  return file.path
}

function findFile(name: string, directories: readonly string[]): { path: string; rules: string } | null {
  for (const path of name.startsWith('/') ? [name] : directories.map(directory => `${directory}/${name}`)) {
    const rules = readRules(path)
    if (rules !== null) return { path, rules }
  }
  return null
}

function readRules(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

function hasRules(rules: string, type: string, directories: readonly string[], depth = 0): boolean {
  const include = new RegExp(`^\\s*(?:@include|-?${type}\\s+include)\\s+(\\S+)`, 'i')
  const rule = new RegExp(`^\\s*-?${type}\\s`, 'i')
  const lines = rules.replaceAll('\\\n', ' ').split('\n')
  return lines.some(line => {
    const [, name] = include.exec(line) ?? []
    if (name === undefined) return rule.test(line)
    const file = findFile(name, directories)
    // Where an included file is missing libpam refuses, and takes nothing from `other`; or it has it from another place.
    return file === null || (depth < MAX_DEPTH && hasRules(file.rules, type, directories, depth + 1))
  })
}
