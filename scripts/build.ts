/** Builds dist/: four CommonJS bundles and the client library, and the map of routes that is derived from the table. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { type BuildOptions, build } from 'esbuild'

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
  external: ['koffi', 'better-sqlite3', 'authenticate-pam'],
  // Asked for by libraries that look for other runtimes than this one; merely touching it loads half of Node.js.
  define: { navigator: 'undefined' },
  alias: { 'node:http2': './server/gate/no-http2.ts' },
  // An ESM package's import.meta.url has no meaning in a bundle, and must not be asked for.
  logOverride: { 'empty-import-meta': 'silent' },
}

const programs = {
  posternd: 'server/posternd.ts',
  'postern-gate': 'server/gate/main.ts',
  postern: 'cli/main.ts',
  'pam-child': 'server/keeper/pam/child.ts',
} as const

async function buildProgram([name, entry]: [string, string]): Promise<void> {
  const outfile = `dist/${name}.cjs`
  const banner = name === 'postern' || name === 'posternd' ? { js: '#!/usr/bin/env node' } : {}
  const { metafile } = await build({ ...shared, entryPoints: [entry], outfile, banner, format: 'cjs', metafile: true })
  // What a program is made of: a test reads here that keeper and gate stay apart.
  writeFileSync(`${root}dist/${name}.inputs.json`, JSON.stringify(Object.keys(metafile?.inputs ?? {}), null, 1))
}

mkdirSync(`${root}dist`, { recursive: true })
await writeRoutes()
await Promise.all(Object.entries(programs).map(buildProgram))
await build({ ...shared, entryPoints: ['server/client/http.ts'], outfile: 'dist/client.mjs', format: 'esm' })
