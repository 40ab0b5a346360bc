/** `postern/client` as another program has it: imported by its name, from a folder that has nothing else of postern. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite('client/package')
const root = join(import.meta.dirname, '../..')
let folder = ''
let daemon: Daemon

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-client-'))
  const own = join(folder, 'node_modules/postern')
  mkdirSync(join(own, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(own, 'package.json'))
  for (const name of ['client.mjs', 'client.d.mts', 'types'])
    cpSync(join(root, 'dist', name), join(own, 'dist', name), { recursive: true })
  for (const name of ['@types', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  daemon = await startDaemon()
})
test.after(async () => {
  await daemon?.remove()
  rmSync(folder, { recursive: true, force: true })
})

const program = `import { ClientError, createHttpClient } from 'postern/client'
const [origin = '', token = ''] = process.argv.slice(2)
const call = createHttpClient({ origin, token: () => token })
const answer = await call('session.list', { limit: 10 })
if (!answer.ok) throw new Error(answer.reason)
const names: string[] = answer.value.items.map(({ user }) => user.name)
const fault = await createHttpClient({ origin: 'http://127.0.0.1:1', timeoutMs: 5000 })('session.end', {}).catch(thrown => thrown)
console.log(JSON.stringify([names, fault instanceof ClientError && fault.code]))
`

const wrongs: [name: string, line: string][] = [
  ['an operation that there is not', `void call('session.lost', {})`],
  ['a member that the operation does not take', `void call('session.list', { usr: 'alice' })`],
  ['a member of an operation that takes none', `void call('session.end', { id: 'x' })`],
  ['a member of another type', `void call('session.list', { limit: '10' })`],
  ['a member that is missing', `void call('session.revoke', {})`],
  ['a value that was not asked for', `void call('status', {}).then(answer => answer.ok && answer.value.items)`],
  ['a value of a refusal', `void call('status', {}).then(answer => answer.value)`],
  ['a reason that it never gives', `void call('status', {}).then(a => !a.ok && a.reason === 'login_failed')`],
]

/** What the compiler says of these files in the folder; nothing when they are right. */
function compile(...files: string[]): string {
  const flags = '--ignoreConfig --noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2024'
  const args = [...flags.split(' '), '--types', 'node', '--allowImportingTsExtensions', ...files]
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  return spawnSync(process.execPath, [tsc, ...args], { cwd: folder, encoding: 'utf8' }).stdout
}

test('a program imports it, calls a daemon, and tells a fault by its class', () => {
  writeFileSync(join(folder, 'program.ts'), program)
  const argv = ['program.ts', daemon.url, daemon.token()]
  const said = execFileSync(process.execPath, argv, { cwd: folder, encoding: 'utf8' })
  assert.equal(JSON.parse(said), [['root'], 'unreachable'])
})

test('it is typed by the table, without the library of schemas, and a wrong call does not compile', () => {
  writeFileSync(join(folder, 'program.ts'), program)
  const head = `import { createHttpClient } from 'postern/client'\nconst call = createHttpClient({ origin: '' })\n`
  const lines = wrongs.map(([, line]) => line).join('\n')
  writeFileSync(join(folder, 'wrong.ts'), `${head}${lines}\n`)
  const said = compile('program.ts', 'wrong.ts').split('\n')
  assert.equal(
    said.filter(line => line.includes('error') && !line.startsWith('wrong.ts')),
    [],
  )
  for (const [at, [name]] of wrongs.entries())
    assert.ok(
      said.some(line => line.startsWith(`wrong.ts(${at + 3},`)),
      name,
    )
})

test('its types are those of the table, operation by operation', () => {
  const same = `import type * as declared from 'postern/client'
import type * as table from '${join(root, 'server/operations/table.ts')}'
type Same<A, B> = [A, B] extends [B, A] ? true : false
type Each = {
  [N in table.Name | declared.Name]: [
    Same<declared.Request<N>, table.Request<N>>,
    Same<declared.Answer<N>, table.Answer<N>>,
  ]
}
export const each: Same<Each[keyof Each][number], true> = true
export const wrong: Same<declared.Request<'session.end'>, table.Request<'session.revoke'>> = false
`
  writeFileSync(join(folder, 'same.ts'), same)
  assert.is(compile('--skipLibCheck', 'same.ts'), '')
})

test('nothing else of the package can be imported', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
  assert.equal(Object.keys(exports), ['./client'])
})

test.run()
