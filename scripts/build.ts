/** Builds dist/: four programs as CommonJS bundles with V8's code for them, the client library with its types, and the map of routes that is derived from the table. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const root = new URL('..', import.meta.url).pathname

async function writeRoutes(): Promise<void> {
  const { describeRoutes } = await import(`${root}server/operations/route.ts`)
  const text = `/** Derived from the table by scripts/build.ts. */
import type { Routes } from './route.ts'

export const routes: Routes = ${JSON.stringify(describeRoutes(), null, 2)}
`
  writeFileSync(`${root}server/operations/routes.generated.ts`, text)
}

/** CommonJS: an ESM import of node:http doubles Node's start. Native packages stay outside. */
const shared: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: false,
  legalComments: 'none',
  logLevel: 'warning',
  // require(), which looks beside the program's file: an import() would need Node.js's experimental loader there.
  supported: { 'dynamic-import': false },
  external: ['better-sqlite3', 'authenticate-pam'],
  // Asked for by libraries that look for other runtimes than this one; merely touching it loads half of Node.js.
  define: { navigator: 'undefined' },
  alias: { 'node:http2': './server/gate/no-http2.ts' },
  // An ESM package's import.meta.url has no meaning in a bundle, and must not be asked for.
  logOverride: { 'empty-import-meta': 'silent' },
}

/** Libraries of the keeper that most starts have no use for: bundles of their own, loaded when they are imported. */
const lateLibraries: Readonly<Record<string, string>> = {
  '@peculiar/x509': 'x509.cjs',
  qrcode: 'qrcode.cjs',
}

/** koffi's addon for this machine: the code around it spends ten milliseconds of each start on finding it. */
const addon = `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`

const direct: Plugin = {
  name: 'direct',
  setup({ onResolve }) {
    // Where there is none by that name, the code around it knows others.
    const path = existsSync(`${root}node_modules/${addon}`) ? addon : 'koffi'
    onResolve({ filter: /^koffi$/ }, () => ({ path, external: true }))
  },
}

const late: Plugin = {
  name: 'late',
  setup({ onResolve }) {
    onResolve({ filter: /^(@peculiar\/x509|qrcode)$/ }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path: `./bundle/${lateLibraries[path]}`, external: true } : null,
    )
  },
}

function buildLate([name, file]: [string, string]): Promise<unknown> {
  return build({ ...shared, entryPoints: [name], outfile: `dist/bundle/${file}`, format: 'cjs' })
}

const programs = {
  posternd: 'server/posternd.ts',
  'postern-gate': 'server/gate/main.ts',
  postern: 'cli/main.ts',
  'pam-child': 'server/keeper/pam/child.ts',
} as const

async function buildProgram([name, entry]: [string, string]): Promise<void> {
  const outfile = `dist/bundle/${name}.cjs`
  const options: BuildOptions = {
    ...shared,
    entryPoints: [entry],
    outfile,
    format: 'cjs',
    plugins: name === 'posternd' ? [direct, late] : [direct],
  }
  const { metafile } = await build({ ...options, metafile: true })
  // What a program is made of: a test reads here that keeper and gate stay apart.
  writeFileSync(`${root}dist/${name}.inputs.json`, JSON.stringify(Object.keys(metafile?.inputs ?? {}), null, 1))
  writeFileSync(`${root}dist/${name}.cjs`, `#!/usr/bin/env node\nrequire('./bundle/run.cjs').runProgram(__filename)\n`)
}

/** What each program is asked to do while its code is kept: enough to have loaded everything, and done nothing. */
function warmUps(scratch: string): Record<keyof typeof programs, string[]> {
  const file = join(scratch, 'server.yml')
  writeFileSync(file, 'log: { level: info }\n', { mode: 0o600 })
  return {
    posternd: ['--check-config', '--config', file],
    'postern-gate': ['--order'],
    postern: ['status', '--runtime', scratch],
    'pam-child': [],
  }
}

async function makeCode(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'postern-build-'))
  const make = ([name, args]: [string, string[]]) =>
    new Promise<void>(resolve => {
      const words = [`${root}scripts/make-code.ts`, `${root}dist/${name}.cjs`, ...args]
      // The exit status is the program's, and there is no order, no keeper and no login: only the code counts.
      execFile(process.execPath, words, { timeout: 20_000 }, () => resolve()).stdin?.end()
    })
  await Promise.all(Object.entries(warmUps(scratch)).map(make))
  rmSync(scratch, { recursive: true })
}

/** The client, and what it declares: without the schemas' library, whose types would be nothing where it is not installed. */
async function buildClient(): Promise<void> {
  const entry = 'server/client/http.ts'
  const types = `${root}dist/types`
  await build({ ...shared, entryPoints: [entry], outfile: 'dist/client.mjs', format: 'esm' })
  rmSync(types, { recursive: true, force: true })
  const flags =
    '--ignoreConfig --noCheck --declaration --emitDeclarationOnly --module nodenext --target es2024 --strict'
  const places = ['--allowImportingTsExtensions', '--types', 'node', '--rootDir', 'server', '--outDir', types, entry]
  const tsc = `${root}node_modules/typescript/bin/tsc`
  await promisify(execFile)(process.execPath, [tsc, ...flags.split(' '), ...places], { cwd: root })
  const { declareTable } = await import(`${root}server/operations/declaration.ts`)
  // What the client is made of, and declares nothing of.
  for (const inner of ['operations', 'client/answer.d.ts', 'client/request.d.ts'])
    rmSync(`${types}/${inner}`, { recursive: true })
  mkdirSync(`${types}/operations`)
  writeFileSync(`${types}/operations/table.d.ts`, declareTable())
  // Beside the library, for those who import it by its path.
  writeFileSync(`${root}dist/client.d.mts`, "export * from './types/client/http.js'\n")
}

rmSync(`${root}dist/bundle`, { recursive: true, force: true })
mkdirSync(`${root}dist/bundle`, { recursive: true })
await writeRoutes()
// What a kiosk shows while there is no daemon.
cpSync(`${root}cli/kiosk/waiting.html`, `${root}dist/kiosk/waiting.html`)
const runner: BuildOptions = { ...shared, entryPoints: ['server/program.ts'], outfile: 'dist/bundle/run.cjs' }
const libraries = Object.entries(lateLibraries).map(buildLate)
await Promise.all([
  ...libraries,
  ...Object.entries(programs).map(buildProgram),
  build({ ...runner, format: 'cjs' }),
  buildClient(),
])
await makeCode()
