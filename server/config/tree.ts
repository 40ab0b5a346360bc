/** A configuration as it was written: values that know where they came from, and how one layer lies over another. */
import type { Origin, Path } from './fault.ts'

export type Scalar = string | number | boolean | null

/** A written value; every node and every key has its origin. */
export type Tree =
  | { kind: 'scalar'; value: Scalar; origin: Origin }
  | { kind: 'list'; items: Tree[]; origin: Origin }
  | { kind: 'map'; entries: Map<string, Entry>; origin: Origin }

/** A key's place and its value. */
export interface Entry {
  key: Origin
  value: Tree
}

/** An empty map. */
export function emptyMap(origin: Origin): Tree {
  return { kind: 'map', entries: new Map(), origin }
}

/** A map that holds `value` at `path` and nothing else, all of it from one origin. */
export function treeAt(path: readonly string[], value: Tree): Tree {
  return path.reduceRight<Tree>((inner, name) => {
    return { kind: 'map', entries: new Map([[name, { key: inner.origin, value: inner }]]), origin: inner.origin }
  }, value)
}

/**
 * Lays `over` upon `base`: maps merge deep, everything else replaces. A section left empty (`token:` with all of its
 * keys commented out) changes nothing, except where `isNullable` says that null is a value there.
 */
export function mergeTrees(base: Tree, over: Tree, isNullable: (path: Path) => boolean, path: Path = []): Tree {
  if (base.kind !== 'map') return over
  if (over.kind === 'scalar' && over.value === null && !isNullable(path)) return base
  if (over.kind !== 'map') return over
  const entries = new Map(base.entries)
  for (const [name, entry] of over.entries) {
    const under = base.entries.get(name)
    const value = under ? mergeTrees(under.value, entry.value, isNullable, [...path, name]) : entry.value
    entries.set(name, { key: entry.key, value })
  }
  return { kind: 'map', entries, origin: over.origin }
}

/** The bare values. Maps have no prototype, so that no key of a file can reach one. */
export function toPlain(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value
  if (tree.kind === 'list') return tree.items.map(toPlain)
  const plain: Record<string, unknown> = Object.create(null)
  for (const [name, { value }] of tree.entries) plain[name] = toPlain(value)
  return plain
}

/** Finds a value, or null; with it (or with the nearest that encloses the path) the origins of its key and of itself. */
export function findIn(tree: Tree, path: Path): { value: Tree | null; key: Origin; origin: Origin } {
  let at: Entry = { key: tree.origin, value: tree }
  for (const part of path) {
    const next = step(at.value, part)
    if (!next) return { value: null, key: at.key, origin: at.key }
    at = next
  }
  return { value: at.value, key: at.key, origin: at.value.origin }
}

function step(tree: Tree, part: string | number): Entry | undefined {
  if (tree.kind === 'map') return tree.entries.get(String(part))
  const item = tree.kind === 'list' ? tree.items[Number(part)] : undefined
  return item && { key: item.origin, value: item }
}

/** The tree without the value at `path`: a list whose very item is meant goes as a whole, and so does a map that lacks it. */
export function withoutPath(tree: Tree, path: Path): Tree {
  return cut(tree, path) ?? tree
}

/** Null when the value that holds what is cut has to go as well. */
function cut(tree: Tree, [part, ...rest]: Path): Tree | null {
  const inner = part === undefined ? undefined : step(tree, part)?.value
  if (part === undefined || !inner || tree.kind === 'scalar') return null
  const remains = rest.length === 0 ? null : cut(inner, rest)
  if (tree.kind === 'list') {
    return remains && { ...tree, items: tree.items.map((item, at) => (at === part ? remains : item)) }
  }
  const entries = new Map(tree.entries)
  if (remains) entries.set(String(part), { key: inner.origin, value: remains })
  else entries.delete(String(part))
  return { ...tree, entries }
}

/** Whether any map in the tree has a key of this name. */
export function hasKey(tree: Tree, name: string): boolean {
  if (tree.kind === 'list') return tree.items.some(item => hasKey(item, name))
  if (tree.kind !== 'map') return false
  return tree.entries.has(name) || [...tree.entries.values()].some(({ value }) => hasKey(value, name))
}
