/** The layers a configuration is made of, the lowest first: defaults, files, the credential. */
import { basename, dirname, isAbsolute, join } from 'node:path'
import { type Document, readDocument } from './document.ts'
import { type Fault, faultAt, type Origin, type Path } from './fault.ts'
import { isExposed, listTrustedFiles, octal, type ReadOutcome, readTrustedFile } from './file.ts'
import type { DefaultPaths, Environment } from './paths.ts'
import { SECRET_KEY } from './secret.ts'
import { emptyMap, findIn, hasKey, mergeTrees, type Tree, treeAt } from './tree.ts'

/** One layer, with what names it among the sources; a file that could not be read is among them too. */
export interface Layer extends Document {
  sources: string[]
}

/** The paths of this user, under everything else. */
export function defaultLayer({ paths }: DefaultPaths): Layer {
  const origin = { source: 'default' }
  const entries = Object.entries(paths).map(([name, value]) =>
    treeAt(['paths', name], { kind: 'scalar', value, origin }),
  )
  const tree = entries.reduce((base, over) => mergeTrees(base, over, () => true), emptyMap(origin))
  return { tree, faults: [], refused: [], isWhole: true, sources: [] }
}

/** The directory of the drop-ins of a main file: `server.d` beside `server.yml`. */
export function dropInsOf(main: string): string {
  return join(dirname(main), `${basename(main).replace(/\.ya?ml$/, '')}.d`)
}

/** The main file and the `*.yml` of its directory, in the order in which one overrides the other. */
export async function readFiles(explicit: string | undefined, standard: string, uid: number): Promise<Layer[]> {
  const main = explicit ?? standard
  const layers = [await readFile(main, uid, explicit === undefined)]
  const directory = dropInsOf(main)
  const { files, message } = listTrustedFiles(directory, uid)
  if (message !== null) layers.push(unread({ source: directory }, message))
  for (const file of files) layers.push(await readFile(file, uid, false))
  return layers
}

async function readFile(file: string, uid: number, mayBeMissing: boolean): Promise<Layer> {
  const read = readTrustedFile(file, uid)
  const origin = { source: file }
  if (!read.ok) return read.missing && mayBeMissing ? nothing() : unread(origin, read.message)
  const document = await readDocument(read.text, file)
  const { tree } = document
  const faults = [...document.faults, ...exposure(read, tree, document.isWhole)]
  if (tree.kind === 'map') return { ...document, faults, sources: [file] }
  if (tree.kind === 'scalar' && tree.value === null)
    return { ...document, tree: emptyMap(origin), faults, sources: [file] }
  return unread(tree.origin, 'expected a map of keys')
}

/** A file that names the secret anywhere is closed to others, misplaced though the key may be. */
function exposure(read: ReadOutcome & { ok: true }, tree: Tree, isWhole: boolean): Fault[] {
  const holdsSecret = hasKey(tree, SECRET_KEY) || (!isWhole && read.text.includes(SECRET_KEY))
  if (!holdsSecret || !isExposed(read.mode)) return []
  const message = `the file holds a secret and has mode ${octal(read.mode)}, expected 0600`
  return [
    faultAt(
      findIn(tree, [SECRET_KEY]).key,
      [SECRET_KEY],
      message,
      'chmod 0600, and make a new secret if others could read it',
    ),
  ]
}

/** The secret that systemd hands over in `$CREDENTIALS_DIRECTORY`; a final line end is not part of it. */
export function readCredential(env: Environment, uid: number): Layer {
  const directory = env.CREDENTIALS_DIRECTORY
  if (!directory || !isAbsolute(directory)) return nothing()
  const read = readTrustedFile(join(directory, SECRET_KEY), uid)
  const origin = { source: `credential ${SECRET_KEY}` }
  if (!read.ok) return read.missing ? nothing() : unread(origin, read.message, [SECRET_KEY])
  if (isExposed(read.mode)) return unread(origin, `has mode ${octal(read.mode)}, expected 0400`, [SECRET_KEY])
  const value = read.text.replace(/\r?\n$/, '')
  const tree = treeAt([SECRET_KEY], { kind: 'scalar', value, origin })
  return { tree, faults: [], refused: [], isWhole: true, sources: [origin.source] }
}

function nothing(): Layer {
  return { tree: emptyMap({ source: 'default' }), faults: [], refused: [], isWhole: true, sources: [] }
}

function unread(origin: Origin, message: string, path: Path = []): Layer {
  return {
    tree: emptyMap(origin),
    faults: [faultAt(origin, path, message)],
    refused: [],
    isWhole: false,
    sources: [origin.source],
  }
}
