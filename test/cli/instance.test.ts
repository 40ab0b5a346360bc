/** Which instance is trusted, and where it serves. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandFault } from '../../cli/fault.ts'
import { findHttpPlace, findInstance, runtimeDirectory } from '../../cli/instance.ts'

const uid = process.getuid?.() ?? 0
const stranger = 65_534
const test = suite<{ base: string; runtime: string; file: string }>('cli/instance')
test.before.each(context => {
  context.base = mkdtempSync(join(tmpdir(), 'postern-instance-'))
  context.runtime = join(context.base, 'run')
  mkdirSync(context.runtime, { mode: 0o755 })
  context.file = join(context.runtime, 'instance.json')
})
test.after.each(({ base }) => rmSync(base, { recursive: true, force: true }))

function expectFault(act: () => unknown, exit: string, message: RegExp): void {
  try {
    act()
  } catch (fault) {
    assert.instance(fault, CommandFault)
    assert.match((fault as CommandFault).message, message)
    return assert.is((fault as CommandFault).exit, exit)
  }
  assert.unreachable()
}

const write = (file: string, http: unknown, mode = 0o444) =>
  writeFileSync(file, JSON.stringify({ version: '0', http }), { mode })

test('goes by the option, then the variable, then the system', () => {
  assert.is(runtimeDirectory('/a', { POSTERN_RUNTIME: '/b' }), '/a')
  assert.is(runtimeDirectory(undefined, { POSTERN_RUNTIME: '/b' }), '/b')
  assert.is(runtimeDirectory(undefined, { POSTERN_RUNTIME: '' }), '/run/postern')
})

test('takes a directory of root or of who asks', ({ runtime }) => {
  assert.is(findInstance(runtime, uid).owner, uid)
  chownSync(runtime, 1234, 1234)
  assert.is(findInstance(runtime, 1234).owner, 1234)
})

test('refuses the directory of another user, to root too', ({ runtime }) => {
  chownSync(runtime, stranger, stranger)
  expectFault(() => findInstance(runtime, 0), 'permission', /belongs to uid 65534/)
  expectFault(() => findInstance(runtime, 1234), 'permission', /belongs to uid 65534/)
})

test('refuses a directory that others can write', ({ runtime }) => {
  chmodSync(runtime, 0o777)
  expectFault(() => findInstance(runtime, uid), 'permission', /written by others/)
})

test('refuses a link to a directory, and one that is missing', ({ runtime, base }) => {
  symlinkSync(runtime, join(base, 'link'))
  expectFault(() => findInstance(join(base, 'link'), uid), 'unreachable', /no directory/)
  expectFault(() => findInstance(join(base, 'none'), uid), 'unreachable', /no directory/)
  expectFault(() => findInstance(join(base, 'none/below'), uid), 'unreachable', /no directory/)
})

test('refuses an instance.json of another user, and one that others can write', ({ runtime, file }) => {
  write(file, ['http://127.0.0.1:1'])
  chownSync(file, stranger, stranger)
  expectFault(() => findHttpPlace(findInstance(runtime, uid), uid), 'permission', /alone can write/)
  chownSync(file, uid, uid)
  chmodSync(file, 0o666)
  expectFault(() => findHttpPlace(findInstance(runtime, uid), uid), 'permission', /alone can write/)
})

test('takes a missing instance.json for a daemon that is not ready', ({ runtime }) => {
  expectFault(() => findHttpPlace(findInstance(runtime, uid), uid), 'unreachable', /not ready/)
})

for (const text of ['', '{}', 'null', '{"http":"x"}', '{"http":[1]}']) {
  test(`takes ${JSON.stringify(text)} for no instance.json`, ({ runtime, file }) => {
    writeFileSync(file, text)
    expectFault(() => findHttpPlace(findInstance(runtime, uid), uid), 'fault', /not what postern writes/)
  })
}

test('takes plain HTTP at loopback only', ({ runtime, file }) => {
  write(file, ['http://192.0.2.1:80', 'https://127.0.0.1:2', 'http://127.0.0.1.evil:3', 'http://[::1]:7640'])
  assert.is(findHttpPlace(findInstance(runtime, uid), uid).origin, 'http://[::1]:7640')
  rmSync(file)
  write(file, ['http://192.0.2.1:80', 'http://localhost:80'])
  expectFault(() => findHttpPlace(findInstance(runtime, uid), uid), 'unreachable', /no HTTP to this machine/)
})

test('trusts root, itself and who owns the directory of the socket', ({ runtime, file, base }) => {
  const gate = join(base, 'gate')
  mkdirSync(gate)
  chownSync(gate, 4321, 4321)
  write(file, [`unix:${gate}/http.sock`, 'http://127.0.0.1:7640'])
  const place = findHttpPlace(findInstance(runtime, 1234), 1234)
  assert.equal([...place.trustedUids].sort(), [0, 1234, 4321])
  assert.is(place.socketPath, `${gate}/http.sock`)
})

test.run()
