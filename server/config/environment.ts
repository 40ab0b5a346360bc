/** Configuration from the environment: `POSTERN_TOKEN__ACCESS_SECONDS` is `token.access_seconds`. */
import { type Document, readDocument } from './document.ts'
import { type Fault, faultAt, type Origin, type Path, printable } from './fault.ts'
import { isTextAt, keysAt } from './outline.ts'
import type { Environment } from './paths.ts'
import { SECRET_KEY } from './secret.ts'
import { emptyMap, mergeTrees, type Tree, treeAt } from './tree.ts'

const PREFIX = 'POSTERN_'

/** What the programs themselves read from the environment; not configuration. */
const OTHERS: readonly string[] = ['POSTERN_RUNTIME', 'POSTERN_HOST', 'POSTERN_HINTS', 'POSTERN_FINGERPRINT']

/** The environment's layer and the names that took part in it. */
export interface EnvironmentLayer extends Document {
  names: string[]
}

/** Reads every variable that is configuration; a text is taken as it is, any other value is read as YAML. */
export async function readEnvironment(env: Environment): Promise<EnvironmentLayer> {
  const names = Object.keys(env)
    .filter(name => name.startsWith(PREFIX) && !OTHERS.includes(name))
    .sort()
  let tree = emptyMap({ source: 'environment' })
  const faults: Fault[] = []
  const refused: Path[] = []
  for (const name of names) {
    const one = await readVariable(name, env[name] ?? '')
    faults.push(...one.faults)
    refused.push(...one.refused)
    tree = mergeTrees(tree, one.tree, () => true)
  }
  return { tree, faults, refused, isWhole: true, names }
}

/** The variables that hold a secret: to be deleted from `process.env` before any child starts. */
export function secretVariables(env: Environment): string[] {
  return Object.keys(env).filter(name => name.startsWith(PREFIX) && name.toLowerCase().includes(SECRET_KEY))
}

async function readVariable(name: string, value: string): Promise<{ tree: Tree; faults: Fault[]; refused: Path[] }> {
  const origin: Origin = { source: `environment ${printable(name)}` }
  const path = name.slice(PREFIX.length).toLowerCase().split('__')
  if (name !== name.toUpperCase() || path.some(part => !/^[a-z0-9][a-z0-9_-]*$/.test(part))) {
    const message = 'expected a name like POSTERN_TOKEN__ACCESS_SECONDS'
    return { tree: emptyMap(origin), faults: [faultAt(origin, [], message)], refused: [] }
  }
  // A name the schema does not know is a fault later on, whatever its value: it is not worth parsing.
  const isKnown = keysAt(path.slice(0, -1))?.includes(path.at(-1) ?? '') ?? true
  const asText = { tree: treeAt(path, { kind: 'scalar', value, origin }), faults: [], refused: [] }
  if (!isKnown || isTextAt(path)) return asText
  const { tree, faults } = await readDocument(value, origin.source, false)
  if (faults.length === 0) return { tree: treeAt(path, tree), faults, refused: [] }
  return {
    tree: emptyMap(origin),
    faults: faults.map(({ message }) => faultAt(origin, path, message)),
    refused: [path],
  }
}
