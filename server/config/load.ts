/** Loading the configuration: defaults, files, a credential and the environment in one, or every fault there is. */
import { join } from 'node:path'
import { readEnvironment } from './environment.ts'
import { type Fault, faultAt, type Origin, type Path, samePlace } from './fault.ts'
import { issueFaults, type PathFault } from './issue.ts'
import { defaultLayer, dropInsOf, type Layer, readCredential, readFiles } from './layer.ts'
import { resolveListener } from './listener.ts'
import { isNullableAt } from './outline.ts'
import { defaultPaths, type Environment } from './paths.ts'
import { findConflicts } from './rules.ts'
import { type Config, configSchema, DIALECTS, type ParsedConfig } from './schema.ts'
import { findIn, mergeTrees, type Tree, toPlain, withoutPath } from './tree.ts'

/**
 * What to load. `file` is an explicit configuration, `env` the variables (kept by the caller for a later reload: the
 * secret among them is to be deleted from `process.env`), `uid` the reader's (default: this process's), `root` a
 * directory that stands for `/` where the default files are looked for.
 */
export interface LoadOptions {
  file?: string
  env: Environment
  uid?: number
  root?: string
}

/** A configuration without faults. `sources` are the files and variables it is from, `insecure` the switches that are on. */
export interface Loaded {
  ok: true
  config: Config
  sources: string[]
  insecure: string[]
  /** Where the value at a path was written; `default` where it was not. */
  originOf(path: Path): Origin
}

/** Either a configuration or every fault, by file and line. */
export type LoadOutcome = Loaded | { ok: false; faults: Fault[] }

/** Loads and checks everything; reads files, changes nothing, and throws on no content of theirs. */
export async function loadConfig({
  file,
  env,
  uid = process.geteuid?.() ?? 0,
  root = '/',
}: LoadOptions): Promise<LoadOutcome> {
  const defaults = defaultPaths(uid, env)
  const layers = [defaultLayer(defaults), ...(await readFiles(file, join(root, defaults.config), uid))]
  layers.push(readCredential(env, uid))
  const { names, ...fromEnvironment } = await readEnvironment(env)
  layers.push({ ...fromEnvironment, sources: names.map(name => `environment ${name}`) })
  return check({
    tree: layers.map(layer => layer.tree).reduce((base, over) => mergeTrees(base, over, isNullableAt)),
    faults: layers.flatMap(layer => layer.faults),
    refused: layers.flatMap(layer => layer.refused),
    isWhole: layers.every(layer => layer.isWhole),
    sources: layers.flatMap(layer => layer.sources),
  })
}

/** The directory whose files are read after the main one. */
export function dropInDirectory({ file, env, uid = process.geteuid?.() ?? 0, root = '/' }: LoadOptions): string {
  return dropInsOf(file ?? join(root, defaultPaths(uid, env).config))
}

function check(merged: Layer): LoadOutcome {
  const { tree, faults: early, refused, isWhole, sources } = merged
  const result = configSchema.safeParse(toPlain(tree))
  const found = result.success ? [] : issueFaults(result.error.issues, tree)
  const faulty = [...refused, ...found.map(one => one.path)]
  const conflicts = isWhole ? conflictsBeside(faulty, tree) : []
  const issues = found.filter(one => !isKnown(one, merged)).map(one => one.fault)
  const faults = inOrder([...early, ...issues, ...conflicts], sources)
  return result.success && isWhole && faults.length === 0 ? loaded(result.data, tree, sources) : { ok: false, faults }
}

/** Whether an issue only echoes a fault of the reading. */
function isKnown({ fault, path, isMissing }: PathFault, { faults, refused, isWhole }: Layer): boolean {
  if (isMissing && (!isWhole || refused.some(bad => isRelated(path, bad)))) return true
  return faults.some(early => samePlace(early, fault))
}

/** The rules' faults among the values that are not faulty themselves: so that one run shows everything. */
function conflictsBeside(faulty: Path[], tree: Tree): Fault[] {
  const result = configSchema.safeParse(toPlain(faulty.reduce(withoutPath, tree)))
  return result.success ? conflictFaults(result.data, tree, faulty) : []
}

function conflictFaults(config: ParsedConfig, tree: Tree, faulty: Path[]): Fault[] {
  const conflicts = findConflicts(config).filter(
    ({ paths }) => !paths.some(path => faulty.some(bad => isRelated(path, bad))),
  )
  return conflicts.map(({ paths, message, hint }) => {
    const written = paths.find(path => isWritten(tree, path)) ?? paths[0]
    return faultAt(findIn(tree, written).origin, paths[0], message, hint)
  })
}

function isRelated(one: Path, other: Path): boolean {
  const shorter = Math.min(one.length, other.length)
  return one.slice(0, shorter).every((part, at) => part === other[at])
}

function isWritten(tree: Tree, path: Path): boolean {
  const { value, origin } = findIn(tree, path)
  return value !== null && origin.source !== 'default'
}

function loaded(parsed: ParsedConfig, tree: Tree, sources: string[]): Loaded {
  const config = resolve(parsed)
  const insecure = Object.entries(config.insecure)
    .filter(([, isOn]) => isOn)
    .map(([name]) => `insecure.${name}`)
  const originOf = (path: Path): Origin => (isWritten(tree, path) ? findIn(tree, path).origin : { source: 'default' })
  return { ok: true, config, sources, insecure, originOf }
}

function resolve(parsed: ParsedConfig): Config {
  const listen = parsed.listen
    .map(written => resolveListener(written, parsed.paths.gate_runtime))
    .filter(place => place !== null)
  const wanted = parsed.dialects
  const dialects = DIALECTS.filter(name => wanted.includes('all') || wanted.includes(name))
  return { ...parsed, listen, dialects }
}

/** By source in the order of their reading, then by line. */
function inOrder(faults: Fault[], sources: string[]): Fault[] {
  const rank = ({ file, line = 0, column = 0 }: Fault) => [sources.indexOf(file), line, column]
  return faults
    .map(fault => ({ fault, rank: rank(fault) }))
    .sort((a, b) => a.rank.reduce((order, value, at) => order || value - (b.rank[at] ?? 0), 0))
    .map(({ fault }) => fault)
}
