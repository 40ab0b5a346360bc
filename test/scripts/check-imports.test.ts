/** The check of imports: silent about the tree as it is, and says file, line and rule of everything planted in a copy. */
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const root = join(import.meta.dirname, '../..')
const script = join(root, 'scripts/check-imports.ts')
const test = suite('scripts/check-imports')

let copy = ''

test.before.each(() => {
  copy = mkdtempSync(join(tmpdir(), 'postern-imports-'))
  for (const folder of ['server', 'cli', 'scripts', 'test/support'])
    cpSync(join(root, folder), join(copy, folder), {
      recursive: true,
      filter: source => !source.includes('node_modules') && !source.includes('/runtime'),
    })
})
test.after.each(() => rmSync(copy, { recursive: true, force: true }))

function plant(file: string, text: string): void {
  mkdirSync(dirname(join(copy, file)), { recursive: true })
  if (existsSync(join(copy, file))) appendFileSync(join(copy, file), text)
  else writeFileSync(join(copy, file), text)
}

/** The faults, and the exit status. */
function check(): { status: number | null; faults: string[] } {
  const { status, stdout } = spawnSync(process.execPath, [script, copy], { encoding: 'utf8' })
  return { status, faults: stdout.split('\n').filter(line => line !== '') }
}

test('finds no fault in the tree', () => {
  assert.equal(check(), { status: 0, faults: [] })
  execFileSync(process.execPath, [script], { stdio: 'pipe' })
})

/** Each is planted in a file of its own; the import stands in line 2. */
const planted: { file: string; text: string; rule: string }[] = [
  { file: 'server/operations/x.ts', text: `import '../link/frame.ts'`, rule: 'operations may not import link' },
  { file: 'server/config/x.ts', text: `import '../keeper/clock.ts'`, rule: 'config may not import keeper' },
  { file: 'server/link/x.ts', text: `import '../config/schema.ts'`, rule: 'link may not import config' },
  { file: 'server/keeper/x.ts', text: `import '../gate/ip.ts'`, rule: 'keeper may not import gate' },
  {
    file: 'server/keeper/y.ts',
    text: `import type { Gate } from '../gate/gate.ts'`,
    rule: 'keeper may not import gate',
  },
  { file: 'server/gate/x.ts', text: `export * from '../keeper/clock.ts'`, rule: 'gate may not import keeper' },
  { file: 'server/gate/y.ts', text: `await import('../config/schema.ts')`, rule: 'gate may not import config' },
  { file: 'server/client/x.ts', text: `import '../link/client.ts'`, rule: 'client may not import link' },
  {
    file: 'server/pages/x.ts',
    text: `import { reasons } from '../operations/reason.ts'`,
    rule: 'pages may import only types of operations',
  },
  { file: 'server/pages/y.ts', text: `import '../gate/ip.ts'`, rule: 'pages may not import gate' },
  { file: 'cli/x.ts', text: `import '../server/keeper/clock.ts'`, rule: 'cli may not import keeper' },
  { file: 'scripts/x.ts', text: `import '../server/keeper/clock.ts'`, rule: 'scripts may not import keeper' },
  {
    file: 'scripts/benches/x.ts',
    text: `import '../../server/keeper/clock.ts'`,
    rule: 'scripts may not import keeper',
  },
  { file: 'server/keeper/z.ts', text: `import '../../test/support/http.ts'`, rule: 'keeper may not import test' },
  { file: 'server/keeper/a.ts', text: `import './nothing.ts'`, rule: 'there is no server/keeper/nothing.ts' },
  { file: 'server/keeper/b.ts', text: `import '../posternd.ts'`, rule: 'keeper may not import entry' },
  { file: 'server/keeper/c.ts', text: `import '../../package.json'`, rule: 'there is no package.json' },
  { file: 'server/stray.ts', text: `import './keeper/clock.ts'`, rule: 'server/keeper/clock.ts is in no folder' },
  { file: 'server/gate/a.ts', text: `import koffi from 'koffi'`, rule: 'koffi is not imported here' },
  { file: 'server/keeper/d.ts', text: `import { Hono } from 'hono'`, rule: 'hono is not imported here' },
  { file: 'server/gate/b.ts', text: `import { html } from 'hono/html'`, rule: 'hono/html is not imported here' },
  { file: 'server/operations/a.ts', text: `import { SignJWT } from 'jose'`, rule: 'jose is not imported here' },
  { file: 'server/keeper/session/a.ts', text: `import { sql } from 'kysely'`, rule: 'kysely is not imported here' },
  { file: 'server/gate/c.ts', text: `import type { z } from 'zod'`, rule: 'zod is not imported here' },
  { file: 'server/keeper/e.ts', text: `import { z } from 'zod'`, rule: 'zod is imported as a namespace' },
  { file: 'server/keeper/f.ts', text: `import _ from 'lodash'`, rule: 'no folder is given for the package lodash' },
  { file: 'server/keeper/g.ts', text: `import 'fs'`, rule: 'fs is imported as node:fs' },
  { file: 'server/keeper/h.ts', text: 'await import(process.argv[2])', rule: 'the path of an import is a literal' },
]

test('says file, line and rule of each import against the order', () => {
  for (const { file, text } of planted) plant(file, `/** Planted. */\n${text}\n`)
  const { status, faults } = check()
  assert.is(status, 1)
  for (const { file, rule } of planted)
    assert.ok(
      faults.some(fault => fault.startsWith(`${file}:2: ${rule}`)),
      `${file}: ${rule}\n${faults.join('\n')}`,
    )
  assert.is(faults.length, planted.length, faults.join('\n'))
})

test('finds a cycle, and lets types go round', () => {
  plant('server/link/a.ts', `import './b.ts'\n`)
  plant('server/link/b.ts', `import './c.ts'\n`)
  plant('server/link/c.ts', `\nimport './a.ts'\n`)
  plant('server/link/d.ts', `import type { E } from './e.ts'\n`)
  plant('server/link/e.ts', `import './d.ts'\n`)
  const { status, faults } = check()
  assert.is(status, 1)
  assert.equal(faults, [
    'server/link/c.ts:2: a cycle: server/link/a.ts > server/link/b.ts > server/link/c.ts > server/link/a.ts',
  ])
})

const loaded: { name: string; file: string; text: string; fault: RegExp }[] = [
  {
    name: 'the schemas in the CLI',
    file: 'server/operations/version.ts',
    text: `import './list.ts'\n`,
    fault: /: postern must not load this: cli\/main\.ts > .*server\/operations\/list\.ts > node_modules\/zod\/$/m,
  },
  {
    name: 'the schemas in the PAM child',
    file: 'server/keeper/pam/text.ts',
    text: `import * as z from 'zod'\n`,
    fault: /: pam-child must not load this: .*server\/keeper\/pam\/text\.ts > node_modules\/zod\/$/m,
  },
  {
    name: 'the rest of the keeper in the PAM child',
    file: 'server/keeper/pam/text.ts',
    text: `import '../clock.ts'\n`,
    fault: /: pam-child must not load this: .*server\/keeper\/clock\.ts$/m,
  },
  {
    name: 'what is the network’s in the keeper',
    file: 'server/link/log.ts',
    text: `import '../gate/ip.ts'\n`,
    fault: /: posternd must not load this: .*server\/gate\/ip\.ts$/m,
  },
  {
    name: 'what is root’s in the gate',
    file: 'server/link/log.ts',
    text: `import '../keeper/libc.ts'\n`,
    fault: /: postern-gate must not load this: .*server\/keeper\/libc\.ts > node_modules\/koffi\/$/m,
  },
]

for (const { name, file, text, fault } of loaded)
  test(`finds ${name}, however long the way`, () => {
    plant(file, text)
    const { status, faults } = check()
    assert.is(status, 1)
    assert.match(faults.join('\n'), fault)
  })

const bundles: [program: string, input: string][] = [
  ['posternd', 'server/gate/app.ts'],
  ['posternd', 'node_modules/hono/dist/hono.js'],
  ['posternd', 'node_modules/ws/lib/websocket.js'],
  ['postern-gate', 'server/keeper/clock.ts'],
  ['postern', 'node_modules/zod/v4/core/core.js'],
  ['pam-child', 'node_modules/zod/v4/core/core.js'],
]

for (const [program, input] of bundles)
  test(`finds ${input} in the built ${program}`, () => {
    plant(`dist/${program}.inputs.json`, JSON.stringify(['server/posternd-is-not-it.ts', input], null, 1))
    const { status, faults } = check()
    assert.is(status, 1)
    assert.ok(faults.includes(`dist/${program}.inputs.json:3: ${program} must not hold ${input}`), faults.join('\n'))
  })

test.run()
