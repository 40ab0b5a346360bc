/** The file of stored logins: hostile files, and commands that run at once. */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandFault } from '../../cli/fault.ts'
import { stateDirectory } from '../../cli/private-file.ts'
import { type StoredLogin, StoredLogins } from '../../cli/stored-logins.ts'

const origin = 'http://127.0.0.1:7640'
const other = 'http://127.0.0.1:7641'
const uid = process.getuid?.() ?? 0
const login = (user: string): StoredLogin => ({
  user,
  access_token: `access-${user}`,
  refresh_token: `refresh-${user}`,
  expires_at: '2026-05-04T03:02:01.000Z',
})

const test = suite<{ base: string; directory: string; logins: StoredLogins }>('cli/stored-logins')
test.before.each(context => {
  context.base = mkdtempSync(join(tmpdir(), 'postern-logins-'))
  context.directory = join(context.base, 'postern')
  context.logins = new StoredLogins(context.directory, uid)
})
test.after.each(({ base }) => rmSync(base, { recursive: true, force: true }))

async function expectFault(act: () => unknown, exit: string, message: RegExp): Promise<void> {
  try {
    await act()
  } catch (fault) {
    assert.instance(fault, CommandFault)
    assert.match((fault as CommandFault).message, message)
    return assert.is((fault as CommandFault).exit, exit)
  }
  assert.unreachable()
}

test('has no login where there is no file', ({ logins }) => assert.is(logins.find(origin), null))

test('keeps logins by origin, and removes one without the others', async ({ logins }) => {
  await logins.change(origin, async () => login('a'))
  await logins.change(other, async () => login('b'))
  await logins.change(origin, async former => {
    assert.equal(former, login('a'))
    return null
  })
  assert.is(logins.find(origin), null)
  assert.equal(logins.find(other), login('b'))
})

test('does not take a member of the prototype for a login', ({ logins }) => assert.is(logins.find('constructor'), null))

test('makes directory and file for the owner alone, and leaves nothing else behind', async ({ logins, directory }) => {
  const umask = process.umask(0)
  try {
    await logins.change(origin, async () => login('a'))
  } finally {
    process.umask(umask)
  }
  assert.is(lstatSync(directory).mode & 0o777, 0o700)
  assert.is(lstatSync(logins.path).mode & 0o777, 0o600)
  assert.equal(readdirSync(directory), ['tokens.json'])
})

for (const mode of [0o640, 0o604, 0o620, 0o660]) {
  test(`refuses a file of mode 0${mode.toString(8)}`, async ({ logins }) => {
    await logins.change(origin, async () => login('a'))
    chmodSync(logins.path, mode)
    await expectFault(() => logins.find(origin), 'permission', /can be read or written by others/)
    await expectFault(() => logins.change(origin, async () => login('b')), 'permission', /by others/)
  })
}

test('refuses a file of another user', async ({ logins }) => {
  await logins.change(origin, async () => login('a'))
  chownSync(logins.path, 65_534, 65_534)
  await expectFault(() => logins.find(origin), 'permission', /belongs to uid 65534/)
})

test('refuses a link in the place of the file', async ({ logins, base, directory }) => {
  mkdirSync(directory, { mode: 0o700 })
  writeFileSync(join(base, 'elsewhere'), JSON.stringify({ logins: { [origin]: login('evil') } }), { mode: 0o600 })
  symlinkSync(join(base, 'elsewhere'), logins.path)
  await expectFault(() => logins.find(origin), 'permission', /is a link/)
})

test('refuses a directory that others can write', async ({ logins, directory }) => {
  mkdirSync(directory)
  chmodSync(directory, 0o777)
  await expectFault(() => logins.change(origin, async () => login('a')), 'permission', /alone can write/)
})

test('refuses a directory of another user', async ({ logins, directory }) => {
  mkdirSync(directory, { mode: 0o700 })
  chownSync(directory, 65_534, 65_534)
  await expectFault(() => logins.change(origin, async () => login('a')), 'permission', /alone can write/)
})

for (const text of ['', '{', '[]', 'null', '{"logins":[]}', '{"logins":{"x":1}}', '{"logins":{"x":{"user":"a"}}}']) {
  test(`refuses the content ${JSON.stringify(text)}, and leaves it as it is`, async ({ logins, directory }) => {
    mkdirSync(directory, { mode: 0o700 })
    writeFileSync(logins.path, text, { mode: 0o600 })
    await expectFault(() => logins.find(origin), 'storage', /not what postern writes/)
    await expectFault(() => logins.change(origin, async () => login('a')), 'storage', /not what postern writes/)
    assert.is(readFileSync(logins.path, 'utf8'), text)
  })
}

test('loses no change of commands that run at once', async ({ logins, directory }) => {
  const module = join(import.meta.dirname, '../../cli/stored-logins.ts')
  const script = `
    import { StoredLogins } from ${JSON.stringify(module)}
    const logins = new StoredLogins(${JSON.stringify(directory)}, ${uid})
    for (let round = 0; round < 10; round += 1)
      await logins.change('x', async login => ({ user: String(Number(login?.user ?? 0) + 1), access_token: '', refresh_token: null, expires_at: '' }))
  `
  const run = () =>
    new Promise<number | null>(resolve => {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: 'inherit' })
      child.once('close', resolve)
    })
  assert.equal(await Promise.all([run(), run(), run()]), [0, 0, 0])
  assert.is(logins.find('x')?.user, '30')
  assert.equal(readdirSync(directory), ['tokens.json'])
})

test('takes over the lock of a command that was killed', async ({ logins, directory }) => {
  mkdirSync(directory, { mode: 0o700 })
  const child = spawn(process.execPath, ['-e', '0'])
  await new Promise(resolve => child.once('close', resolve))
  writeFileSync(`${logins.path}.lock`, String(child.pid))
  await logins.change(origin, async () => login('a'))
  assert.equal(readdirSync(directory), ['tokens.json'])
})

test('frees the lock when a change fails', async ({ logins }) => {
  await logins
    .change(origin, async () => {
      throw new Error('cut')
    })
    .catch(() => undefined)
  await logins.change(origin, async () => login('a'))
})

test('is kept in XDG_STATE_HOME if that is absolute', () => {
  assert.is(stateDirectory({ XDG_STATE_HOME: '/x/y' }), '/x/y/postern')
  assert.match(stateDirectory({ XDG_STATE_HOME: 'relative' }), /\.local\/state\/postern$/)
  assert.match(stateDirectory({}), /\.local\/state\/postern$/)
})

test.run()
