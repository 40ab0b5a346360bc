/** One entry in the table and one handler are a whole capability: shown on a copy of the tree, where both are added as text. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite('e2e/table')
const root = join(import.meta.dirname, '../..')

const entry = `
  'status.echo': operation({
    summary: 'Says what it was told.',
    http: 'POST /status/echo/{times}',
    access: { permission: 'echo.say' },
    input: z.strictObject({ text: z.string().max(100).describe('what to say'), times: z.int().min(1).max(3) }),
    output: z.object({ echo: z.string() }),
    refuses: ['conflict'],
    audit: 'always',
  }),
`
const handler = `
    'status.echo': async ({ text, times }) =>
      text === 'nothing' ? no('conflict', 'say something') : yes({ echo: text.repeat(times) }),
`
/** One whose input travels in a query: every kind of member that a query can hold. */
const joinEntry = `
  'status.join': operation({
    summary: 'Joins words.',
    http: 'GET /status/join',
    access: 'public',
    input: z.strictObject({ words: z.array(z.string()).max(3), loud: z.boolean().optional(), times: z.int().optional() }),
    output: z.object({ joined: z.string() }),
    refuses: [],
  }),
`
const joinHandler = `
    'status.join': async ({ words, loud = false, times = 1 }) =>
      yes({ joined: (words.join('-') + (loud ? '!' : '')).repeat(times) }),
`
const use = `import { createHttpClient } from './server/client/http.ts'
export async function say(): Promise<string> {
  const call = createHttpClient({ origin: 'http://127.0.0.1:7640', timeoutMs: 1000 })
  const answer = await call('status.echo', { text: 'a', times: 2 })
  if (answer.ok) return answer.value.echo
  return answer.reason === 'conflict' ? 'nothing' : ''
}
`
const files = {
  table: { path: 'server/operations/status.ts', at: 'export const statusOperations = {\n', text: entry },
  handler: { path: 'server/keeper/status/handlers.ts', at: '    status: async () => {\n', text: handler },
} as const

let copy = ''
let daemon: Daemon
let visitor: Account

/** Writes the tree's own file with `text` at its place. */
function plant({ path, at }: { path: string; at: string }, text: string): void {
  const own = readFileSync(join(root, path), 'utf8').replace('{ yes }', '{ no, yes }')
  assert.is(own.split(at).length, 2, `${path} has its place`)
  const isBefore = at.startsWith(' ')
  writeFileSync(
    join(copy, path),
    own.replace(at, () => (isBefore ? text + at : at + text)),
  )
}

test.before(async () => {
  copy = mkdtempSync(join(tmpdir(), 'postern-table-'))
  for (const name of ['server', 'cli', 'scripts/build.ts', 'package.json', 'tsconfig.json'])
    cpSync(join(root, name), join(copy, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  plant(files.table, entry + joinEntry)
  plant(files.handler, handler + joinHandler)
  execFileSync(process.execPath, [join(copy, 'scripts/build.ts')], { stdio: 'pipe' })
  visitor = await createAccount()
  daemon = await startDaemon({
    programs: join(copy, 'dist'),
    config: { login: { failure_delay_seconds: 0.5, allow: { users: ['root', visitor.name] } } },
  })
})

test.after(async () => {
  await daemon?.remove()
  await visitor?.remove()
  rmSync(copy, { recursive: true, force: true })
})

const url = '/postern/v1/status/echo'

test('it is served over HTTP, checked and refused like any other', async () => {
  const token = daemon.token()
  const powerless = String((await daemon.login(visitor.name, visitor.password)).json().access_token)
  const cases: { path: string; body: object; token?: string; status: number; code?: string }[] = [
    { path: `${url}/2`, body: { text: 'ho' }, token, status: 200 },
    { path: `${url}/2`, body: { text: 'ho' }, status: 401, code: 'unauthenticated' },
    { path: `${url}/2`, body: { text: 'ho' }, token: powerless, status: 403, code: 'forbidden' },
    { path: `${url}/2`, body: { text: 'ho', extra: 1 }, token, status: 400, code: 'invalid_input' },
    { path: `${url}/2`, body: { text: 1 }, token, status: 400, code: 'invalid_input' },
    { path: `${url}/9`, body: { text: 'ho' }, token, status: 400, code: 'invalid_input' },
    { path: `${url}/2`, body: { text: 'nothing' }, token, status: 409, code: 'conflict' },
  ]
  for (const { path, body, status, code, ...more } of cases) {
    const reply = await daemon.ask(path, { body, ...more })
    assert.equal([reply.status, reply.json().code], [status, code], `${path} ${JSON.stringify(body)}: ${reply.text}`)
    if (status === 200) assert.equal(reply.json(), { echo: 'hoho' })
  }
  assert.is((await daemon.ask(`${url}/2`, { method: 'GET', token })).status, 405)
})

test('a query holds lists, numbers and booleans', async () => {
  const cases: [query: string, expected: string | number][] = [
    ['words=a&words=b&loud=true&times=2', 'a-b!a-b!'],
    ['words=1', '1'],
    ['words=a&loud', 'a!'],
    ['', 400],
    ['words=a&times=two', 400],
    ['words=a&times=1&times=2', 400],
    ['words=a&word=b', 400],
  ]
  for (const [query, expected] of cases) {
    const reply = await daemon.ask(`/postern/v1/status/join?${query}`)
    assert.is(reply.status === 200 ? reply.json().joined : reply.status, expected, query)
  }
})

test('the built client calls it', async () => {
  const { createHttpClient } = (await import(join(copy, 'dist/client.mjs'))) as {
    createHttpClient(options: object): (name: string, input: object) => Promise<object>
  }
  const call = createHttpClient({ origin: daemon.url, timeoutMs: 5000, token: () => daemon.token() })
  assert.equal(await call('status.echo', { text: 'hi', times: 3 }), { ok: true, value: { echo: 'hihihi' } })
  const joined = await call('status.join', { words: ['a', 'b'], loud: true, times: 2 })
  assert.equal(joined, { ok: true, value: { joined: 'a-b!a-b!' } })
  const refused = await call('status.echo', { text: 'nothing', times: 1 })
  assert.equal(refused, { ok: false, reason: 'conflict', detail: 'say something' })
})

function postern(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const program = join(copy, 'dist/postern.cjs')
  return spawnSync(process.execPath, [program, '--runtime', daemon.runtime, ...args], { encoding: 'utf8' })
}

test('postern call calls it over the link, and knows its members', () => {
  const said = postern('--json', 'call', 'status.echo', 'text=hey', 'times=2')
  assert.is(said.status, 0, said.stderr)
  assert.equal(JSON.parse(said.stdout), { echo: 'heyhey' })
  const help = postern('call', 'status.echo', '--help')
  assert.match(help.stdout, /text/)
  assert.match(help.stdout, /what to say/)
  assert.match(postern('call').stdout, /status\.echo +echo\.say +Says what it was told\./)
  const refused = postern('call', 'status.echo', 'text=nothing', 'times=1')
  assert.is.not(refused.status, 0)
  assert.match(refused.stderr, /say something/)
})

test('the OpenAPI document and the API reference describe it', async () => {
  const document = (await daemon.ask('/postern/v1/openapi.json')).json() as {
    paths: Record<string, { post?: { operationId: string; summary: string; responses: object } }>
  }
  const { operationId, summary, responses } = document.paths['/status/echo/{times}']?.post ?? {}
  assert.equal([operationId, summary], ['status.echo', 'Says what it was told.'])
  for (const status of ['200', '400', '401', '403', '409']) assert.ok(status in (responses ?? {}), status)
  const page = await daemon.ask('/postern/docs')
  assert.match(page.text, /status\.echo/)
  assert.match(page.text, /Says what it was told\./)
})

test('the audit trail tells of it: the intention, what came of it, and who was refused', async () => {
  const lines = readFileSync(join(daemon.directory, 'log/audit.log'), 'utf8').trim().split('\n')
  const records = lines.map(
    line => JSON.parse(line) as { event: string; outcome: string; user?: string; source: string },
  )
  const told = records.filter(({ event }) => event === 'status.echo')
  const count = (outcome: string, user: string) =>
    told.filter(one => one.outcome === outcome && one.user === user).length
  assert.is(count('ok', 'root'), 3)
  assert.is(count('intended', 'root'), 6)
  assert.is(count('refused', 'root'), 3)
  assert.is(count('refused', visitor.name), 1)
  assert.ok(told.some(({ source }) => source === 'root'))
})

/** The compiler's complaints about server/, cli/ and a program that uses the client. */
function compile(program = use): string {
  writeFileSync(join(copy, 'use.ts'), program)
  const config = JSON.parse(readFileSync(join(copy, 'tsconfig.json'), 'utf8')) as object
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify({ ...config, include: ['server', 'cli', 'use.ts'] }))
  const { stdout } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/.bin/tsc'), '-p', join(copy, 'tsconfig.json')],
    {
      encoding: 'utf8',
      cwd: copy,
    },
  )
  return stdout
}

test('the types follow the entry', () => assert.is(compile(), ''))

test('an entry without its handler does not compile', () => {
  plant(files.handler, '')
  assert.match(compile(), /^server\/keeper\/status\/handlers\.ts.*status\.echo/m)
})

test('a handler without an entry does not compile', () => {
  plant(files.table, '')
  plant(files.handler, handler)
  assert.match(compile(''), /^server\/keeper\/status\/handlers\.ts.*status\.echo/m)
})

/** Each is an entry of its own beside the right one, or a call. */
const mistakes: { name: string; entry?: [string, string]; handler?: [string, string]; use?: [string, string] }[] = [
  { name: 'a refusal that the entry does not name', handler: ["no('conflict'", "no('not_found'"] },
  { name: 'an answer of another shape', handler: ['echo: text', 'said: text'] },
  { name: 'a handler that reads what the input has not', handler: ['{ text, times }', '{ text, times, user }'] },
  { name: 'a reason that there is not', entry: ["['conflict']", "['nonsense']"] },
  { name: 'a permission without a name', entry: ["{ permission: 'echo.say' }", '{}'] },
  { name: 'a path without a method', entry: ['POST /', '/'] },
  { name: 'a call with a mistyped member', use: ["text: 'a'", "txt: 'a'"] },
  { name: 'a call without a member', use: [', times: 2', ''] },
  { name: 'a call of what there is not', use: ['status.echo', 'status.ecco'] },
  { name: 'a reason that the call never gives', use: ["=== 'conflict'", "=== 'login_failed'"] },
  { name: 'an answer that was not looked at', use: ['if (answer.ok) ', ''] },
]

/** The lines of `text` as they stand in `path` of the copy. */
function linesOf(path: string, text: string): { first: number; last: number } {
  const before = readFileSync(join(copy, path), 'utf8').split(text)[0] ?? ''
  const first = before.split('\n').length
  return { first, last: first + text.split('\n').length - 1 }
}

test('mistakes do not compile', () => {
  const written = mistakes.map((mistake, n) => {
    const change = (text: string, [from, to]: [string, string] = ['', '']) => {
      assert.ok(text.includes(from), from)
      return text.replace(from, to).replaceAll('status.echo', `status.echo${mistake.use ? '' : n}`)
    }
    return {
      ...mistake,
      entryText: mistake.use ? '' : change(entry, mistake.entry).replace('status/echo', `status/echo${n}`),
      handlerText: mistake.use ? '' : change(handler, mistake.handler),
      useText: mistake.use
        ? change(use, mistake.use)
            .replace(/^import.*\n/, '')
            .replace('say()', `say${n}()`)
        : '',
    }
  })
  plant(files.table, entry + written.map(({ entryText }) => entryText).join(''))
  plant(files.handler, handler + written.map(({ handlerText }) => handlerText).join(''))
  const output = compile(use + written.map(({ useText }) => useText).join(''))
  for (const { name, entry, handler, entryText, handlerText, useText } of written) {
    const [path, text] = entry
      ? [files.table.path, entryText]
      : handler
        ? [files.handler.path, handlerText]
        : ['use.ts', useText]
    const { first, last } = linesOf(path, text)
    const found = [...output.matchAll(/^([^(\n]+)\((\d+),\d+\): error/gm)]
    const isFound = found.some(([, file, line]) => file === path && Number(line) >= first && Number(line) <= last)
    assert.ok(isFound, `${name} (${path}:${first}-${last})\n${output}`)
  }
})

test.run()
