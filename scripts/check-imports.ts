/**
 * Fails on an import that breaks the order of the house: which folder may import which, which package belongs where, what
 * a program must never load, and no cycles.
 *
 *   check-imports.ts [ROOT]    prints FILE:LINE: what is wrong; exit status 1 when something is
 */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, relative, resolve } from 'node:path'
import { type Import, readImports } from './read-imports.ts'

/** What the modules of a folder may import of other folders, at run time and as types. The first folder that fits counts. */
const folders: readonly { name: string; files: RegExp; imports: readonly string[]; types?: readonly string[] }[] = [
  { name: 'operations', files: /^server\/operations\//, imports: [] },
  { name: 'config', files: /^server\/config\//, imports: ['operations'] },
  { name: 'link', files: /^server\/link\//, imports: ['operations'] },
  { name: 'keeper', files: /^server\/keeper\//, imports: ['operations', 'config', 'link'] },
  { name: 'gate', files: /^server\/gate\//, imports: ['operations', 'link', 'pages'] },
  { name: 'client', files: /^server\/client\//, imports: ['operations'] },
  { name: 'pages', files: /^server\/pages\//, imports: [], types: ['operations'] },
  { name: 'entry', files: /^server\/posternd\.ts$/, imports: ['operations', 'keeper'] },
  { name: 'program', files: /^server\/program\.ts$/, imports: [] },
  { name: 'cli', files: /^cli\//, imports: ['operations', 'link', 'client'] },
  { name: 'scripts', files: /^scripts\//, imports: ['operations', 'config', 'link', 'client', 'program', 'test'] },
  { name: 'test', files: /^test\//, imports: [] },
]

/** Where each package may be imported, and its types; one that is not here belongs nowhere. `asNamespace`: only as `* as`. */
const packages: readonly { name: string; files: RegExp; types?: RegExp; asNamespace?: true }[] = [
  { name: 'koffi', files: /^server\/keeper\// },
  { name: 'authenticate-pam', files: /^server\/keeper\/pam\// },
  { name: 'kysely', files: /^server\/keeper\/store\// },
  { name: 'better-sqlite3', files: /^server\/keeper\/store\// },
  { name: 'hono/html', files: /^server\/pages\// },
  { name: 'hono', files: /^server\/gate\// },
  { name: '@hono/node-server', files: /^server\/gate\// },
  { name: 'cookie', files: /^server\/gate\// },
  { name: 'jose', files: /^server\/(operations\/token\.ts|keeper\/(signing|token)\/.*|gate\/state\.ts)$/ },
  // A named import of zod keeps all of its languages in the bundle, 350 kB.
  { name: 'zod', files: /^server\/(operations|config|link|keeper)\//, types: /^server\/pages\//, asNamespace: true },
  { name: 'yaml', files: /^server\/config\// },
  { name: 'commander', files: /^cli\// },
  { name: 'qrcode', files: /^(cli|server\/keeper\/issue)\// },
  { name: '@peculiar/x509', files: /^server\/keeper\/tls\// },
  { name: 'ws', files: /^(server\/gate\/event|cli)\// },
  { name: 'esbuild', files: /^scripts\// },
]

/** What a program must never load, by way of whatever it imports: folders of ours, and packages. */
const programs: readonly { name: string; entry: string; without: RegExp }[] = [
  {
    name: 'posternd',
    entry: 'server/posternd.ts',
    without: /^(server\/(gate|pages|client)\/|cli\/|node_modules\/(hono|@hono|ws|cookie|commander)\/)/,
  },
  {
    name: 'postern-gate',
    entry: 'server/gate/main.ts',
    without:
      /^(server\/(keeper|config|client)\/|cli\/|node_modules\/(koffi|kysely|better-sqlite3|authenticate-pam|yaml)\/)/,
  },
  {
    name: 'postern',
    entry: 'cli/main.ts',
    without: /^(server\/(keeper|gate|config|pages)\/|node_modules\/(zod|hono|@hono|jose|koffi|yaml)\/)/,
  },
  {
    name: 'pam-child',
    entry: 'server/keeper/pam/child.ts',
    without: /^(server\/(?!keeper\/pam\/)|cli\/|node_modules\/(?!koffi\/|authenticate-pam\/))/,
  },
]

interface Fault {
  readonly at: string
  readonly rule: string
}

/** An import that leads to another module of the tree. */
interface Edge extends Import {
  readonly to: string
}

interface Module {
  readonly imports: readonly Import[]
  readonly edges: readonly Edge[]
}

type Modules = ReadonlyMap<string, Module>

function readModules(root: string): Modules {
  const files = globSync(['server/**/*.ts', 'cli/**/*.ts', 'scripts/{*,benches/*}.ts'], { cwd: root }).sort()
  const toEdge = (file: string, found: Import): Edge[] => {
    const isOurs = found.specifier?.startsWith('.') === true
    return isOurs ? [{ ...found, to: relative(root, resolve(root, file, '..', found.specifier ?? '')) }] : []
  }
  return new Map(
    files.map(file => {
      const imports = readImports(readFileSync(join(root, file), 'utf8'))
      return [file, { imports, edges: imports.flatMap(found => toEdge(file, found)) }]
    }),
  )
}

const folderOf = (file: string) => folders.find(({ files }) => files.test(file))

function checkEdge(root: string, file: string, { to, line, isType }: Edge): Fault[] {
  const at = `${file}:${line}`
  const [from, target] = [folderOf(file), folderOf(to)]
  if (!existsSync(join(root, to)) && !to.endsWith('.generated.ts')) return [{ at, rule: `there is no ${to}` }]
  if (from === undefined || target === undefined) return [{ at, rule: `${to} is in no folder that may be imported` }]
  if (from === target || from.imports.includes(target.name)) return []
  if (from.types?.includes(target.name))
    return isType ? [] : [{ at, rule: `${from.name} may import only types of ${target.name}` }]
  return [{ at, rule: `${from.name} may not import ${target.name}` }]
}

function packageOf(specifier: string): string {
  const [scope = '', name = ''] = specifier.split('/')
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}

function checkPackage(file: string, specifier: string, { line, clause, isType }: Import): Fault[] {
  const at = `${file}:${line}`
  if (specifier.startsWith('node:')) return []
  if (builtinModules.includes(specifier)) return [{ at, rule: `${specifier} is imported as node:${specifier}` }]
  const entry =
    packages.find(({ name }) => name === specifier) ?? packages.find(({ name }) => name === packageOf(specifier))
  if (entry === undefined) return [{ at, rule: `no folder is given for the package ${specifier}` }]
  if (!entry.files.test(file) && !(isType && entry.types?.test(file)))
    return [{ at, rule: `${specifier} is not imported here, but in ${entry.files.source}` }]
  if (entry.asNamespace && !isType && !clause.startsWith('* as'))
    return [{ at, rule: `${specifier} is imported as a namespace: import * as` }]
  return []
}

function checkModule(root: string, file: string, { imports, edges }: Module): Fault[] {
  const others = imports.filter(({ specifier }) => !specifier?.startsWith('.'))
  return [
    ...edges.flatMap(edge => checkEdge(root, file, edge)),
    ...others.flatMap(found => {
      if (found.specifier !== null) return checkPackage(file, found.specifier, found)
      // A script may load what it finds; a program that did could not be judged.
      return file.startsWith('scripts/')
        ? []
        : [{ at: `${file}:${found.line}`, rule: 'the path of an import is a literal' }]
    }),
  ]
}

/** Each cycle once, at the import that closes it. Types may go round: they are gone before anything is loaded. */
function checkCycles(modules: Modules): Fault[] {
  const faults: Fault[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]) => {
    for (const { to, line, isType } of modules.get(file)?.edges ?? []) {
      if (isType) continue
      const start = path.indexOf(to)
      if (start >= 0) faults.push({ at: `${file}:${line}`, rule: `a cycle: ${[...path.slice(start), to].join(' > ')}` })
      else if (!done.has(to)) visit(to, [...path, to])
    }
    done.add(file)
  }
  for (const file of modules.keys()) if (!done.has(file)) visit(file, [file])
  return faults
}

/** What `entry` loads at run time, each with the way that leads there; packages as `node_modules/NAME/`. */
function reach(entry: string, modules: Modules): Map<string, { at: string; way: readonly string[] }> {
  const reached = new Map([[entry, { at: entry, way: [entry] as readonly string[] }]])
  for (const [file, { way }] of reached) {
    for (const { specifier, line, isType } of modules.get(file)?.imports ?? []) {
      if (isType || specifier === null || specifier.startsWith('node:')) continue
      const to = specifier.startsWith('.') ? join(file, '..', specifier) : `node_modules/${packageOf(specifier)}/`
      if (!reached.has(to)) reached.set(to, { at: `${file}:${line}`, way: [...way, to] })
    }
  }
  return reached
}

function checkPrograms(modules: Modules): Fault[] {
  return programs.flatMap(({ name, entry, without }) =>
    [...reach(entry, modules)]
      .filter(([module]) => without.test(module))
      .map(([, { at, way }]) => ({ at, rule: `${name} must not load this: ${way.join(' > ')}` })),
  )
}

/** What is really in the built programs, where they are built. */
function checkBundles(root: string): Fault[] {
  return programs.flatMap(({ name, without }) => {
    const file = `dist/${name}.inputs.json`
    if (!existsSync(join(root, file))) return []
    const inputs = JSON.parse(readFileSync(join(root, file), 'utf8')) as string[]
    return inputs.flatMap((input, index) =>
      without.test(input) ? [{ at: `${file}:${index + 2}`, rule: `${name} must not hold ${input}` }] : [],
    )
  })
}

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'))
const modules = readModules(root)
const faults = [
  ...[...modules].flatMap(([file, module]) => checkModule(root, file, module)),
  ...checkCycles(modules),
  ...checkPrograms(modules),
  ...checkBundles(root),
]
for (const { at, rule } of faults) console.log(`${at}: ${rule}`)
if (faults.length > 0) process.exitCode = 1
