/** The schema's complaints as faults: what was expected, what was found, and what was probably meant. */
import type * as z from 'zod'
import { type Fault, faultAt, type Path, pathText, printable } from './fault.ts'
import { homesOf, keysAt } from './outline.ts'
import { isSecretPath } from './secret.ts'
import { nearest } from './suggest.ts'
import { findIn, type Tree } from './tree.ts'

type Issue = z.core.$ZodIssue

/** A fault and the path it is about. */
export interface PathFault {
  path: Path
  fault: Fault
  /** Something is not there: no fault if a file that could hold it was not read. */
  isMissing: boolean
}

/** One fault for each path that has issues: the first one names what was expected. */
export function issueFaults(issues: readonly Issue[], tree: Tree): PathFault[] {
  const found = issues.flatMap(issue => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownKey(asPath(issue.path), key, tree))
    return [wrongValue(issue, tree)]
  })
  const byPath = new Map<string, PathFault>()
  for (const one of found) if (!byPath.has(pathText(one.path))) byPath.set(pathText(one.path), one)
  return [...byPath.values()]
}

function unknownKey(parent: Path, key: string, tree: Tree): PathFault {
  const path = [...parent, key]
  const fault = faultAt(findIn(tree, path).key, path, 'unknown key', unknownKeyHint(parent, key))
  return { path, fault, isMissing: false }
}

function unknownKeyHint(parent: Path, key: string): string {
  const siblings = keysAt(parent) ?? []
  const meant = nearest(key, siblings)
  if (meant !== null) return `did you mean ${meant}?`
  const [home] = homesOf(key)
  if (home !== undefined) return `${printable(key)} belongs ${home === '' ? 'at the top level' : `under ${home}`}`
  return `known keys here: ${siblings.join(', ')}`
}

function wrongValue(issue: Issue, tree: Tree): PathFault {
  const path = asPath(issue.path)
  const { value, key, origin } = findIn(tree, path)
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? issue.message
    return { path, fault: faultAt(key, path, message), isMissing: false }
  }
  if (!value) return { path, fault: faultAt(origin, path, `missing, ${issue.message}`), isMissing: true }
  const message = `${issue.message}, found ${describeFound(value, path)}`
  return { path, fault: faultAt(origin, path, message, wrongValueHint(issue.message, value)), isMissing: false }
}

/** Says what kind of value it is, and the value itself where it is short and cannot be a secret. */
function describeFound(tree: Tree, path: Path): string {
  if (tree.kind !== 'scalar') return `a ${tree.kind}`
  const { value } = tree
  if (value === null) return 'nothing'
  if (isSecretPath(path)) return typeof value === 'string' ? 'a text of another length' : `a ${typeof value}`
  return typeof value === 'string' ? `the text "${printable(value, 40)}"` : String(value)
}

function wrongValueHint(expected: string, tree: Tree): string | undefined {
  if (tree.kind !== 'scalar') return undefined
  const { value } = tree
  if (expected.startsWith('expected a list'))
    return value === null ? 'write [] for an empty list' : 'write a list as [one, two]'
  if (typeof value === 'string') return textHint(expected, value)
  if (typeof value === 'number' && /expected (a text|the name|one of|a name)/.test(expected))
    return 'put quotes around it'
  return undefined
}

function textHint(expected: string, value: string): string | undefined {
  if (expected === 'expected true or false' && /^(yes|no|on|off)$/i.test(value)) return 'YAML knows only true and false'
  if (/expected a (whole )?number/.test(expected) && /^\d/.test(value))
    return 'write the number alone, without unit or quotes'
  if (expected.includes('IP address') && /^\[.*\]$/.test(value)) return 'write an IPv6 address without brackets'
  const words = /expected one of (.*)/.exec(expected)?.[1]?.split(', ') ?? []
  const meant = nearest(value, words)
  return meant === null ? undefined : `did you mean ${meant}?`
}

function asPath(path: readonly PropertyKey[]): Path {
  return path.map(part => (typeof part === 'number' ? part : String(part)))
}
