/** The store in SQLite: its file, its shape, what a full disk does to it, and what survives a fall. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Grant } from '../../../server/keeper/store/grant.ts'
import { migrations } from '../../../server/keeper/store/migrations.ts'
import type { Session } from '../../../server/keeper/store/session.ts'
import { openSqliteStore } from '../../../server/keeper/store/sqlite.ts'
import { StorageFull, type Store } from '../../../server/keeper/store/store.ts'
import { mountSmallDisk } from '../../support/small-disk.ts'

const test = suite<{ directory: string; path: string }>('keeper/store sqlite')
test.before.each(context => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-store-'))
  Object.assign(context, { directory, path: join(directory, 'postern.db') })
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

const now = { wallMs: 1_000_000, boot: 'boot-1', monotonicMs: 1000 }

function session(id: string, identity: string): Session {
  const spans = { began: now, lifetimeMs: 60_000, idleMs: null, used: now }
  const login = {
    kind: 'token',
    amr: ['pwd', 'mfa'],
    source: 'uid:1',
    agent: 'ü"\u0001',
    audience: ['a', 'b'],
  } as const
  return { id, identity, boundUid: 1, roleCap: 'viewer', ...login, ...spans }
}

function grant(jti: string, of: string): Grant {
  return { jti, session: of, issued: now, accessMs: 1, refreshHash: `hash ${jti}`, refreshMs: 2, spent: null }
}

const alice = { name: 'alice', uid: 1000, groups: ['alice', 'sudo'] }

async function faultOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return null
  } catch (fault) {
    return fault
  }
}

test('its files are root’s alone', async ({ directory, path }) => {
  const store = await openSqliteStore(path)
  for (const name of readdirSync(directory)) assert.is(lstatSync(join(directory, name)).mode & 0o7777, 0o600, name)
  await store.close()
})

test('a file that others could read becomes root’s alone', async ({ path }) => {
  await (await openSqliteStore(path)).close()
  chmodSync(path, 0o644)
  await (await openSqliteStore(path)).close()
  assert.is(lstatSync(path).mode & 0o7777, 0o600)
})

test('a link is not followed', async ({ directory, path }) => {
  writeFileSync(join(directory, 'bait'), '')
  symlinkSync(join(directory, 'bait'), path)
  assert.is(((await faultOf(openSqliteStore(path))) as NodeJS.ErrnoException).code, 'ELOOP')
})

test('what is no store is a fault, and stays as it is', async ({ path }) => {
  writeFileSync(path, 'this is no database, and longer than a header of one would be: '.repeat(20))
  assert.match(String(await faultOf(openSqliteStore(path))), `${path} cannot be opened: file is not a database`)
})

test('a store of a newer postern is refused', async ({ path }) => {
  await (await openSqliteStore(path)).close()
  const database = new Database(path)
  database.pragma(`user_version = ${migrations.length + 1}`)
  database.close()
  assert.match(String(await faultOf(openSqliteStore(path))), 'newer postern')
})

test('what goes in comes out', async ({ path }) => {
  const store = await openSqliteStore(path)
  const { id } = await store.identities.rememberAccount(alice, 1)
  assert.equal(await store.identities.find(id), { id, realm: 'pam', ...alice })
  await store.sessions.add(session('one', id), grant('first', 'one'))
  assert.equal(await store.sessions.find('one'), session('one', id))
  assert.equal(await store.grants.findByRefreshHash('hash first'), grant('first', 'one'))
  await store.close()
})

test('an account is one identity by name and uid, and its groups are those of the last time', async ({ path }) => {
  const store = await openSqliteStore(path)
  const first = await store.identities.rememberAccount(alice, 1)
  const second = await store.identities.rememberAccount({ ...alice, groups: [] }, 2)
  const other = await store.identities.rememberAccount({ ...alice, uid: 1001 }, 3)
  assert.is(second.id, first.id)
  assert.equal((await store.identities.find(first.id))?.groups, [])
  assert.is.not(other.id, first.id)
  assert.is((await store.identities.findByName('alice')).length, 2)
  await store.close()
})

test('the number of an identity is never given again', async ({ path }) => {
  const store = await openSqliteStore(path)
  const { id } = await store.identities.rememberAccount(alice, 1)
  await store.close()
  const database = new Database(path)
  database.exec('delete from identity')
  database.close()
  const again = await openSqliteStore(path)
  assert.ok(Number((await again.identities.rememberAccount(alice, 1)).id) > Number(id))
  await again.close()
})

test('a session comes with its grant or not at all', async ({ path }) => {
  const store = await openSqliteStore(path)
  const { id } = await store.identities.rememberAccount(alice, 1)
  await store.sessions.add(session('one', id), grant('first', 'one'))
  assert.ok(await faultOf(store.sessions.add(session('two', id), grant('first', 'two'))))
  assert.is(await store.sessions.find('two'), null)
  await store.close()
})

test('an account that is as it was is not written again', async ({ path }) => {
  const store = await openSqliteStore(path)
  const first = await store.identities.rememberAccount(alice, 1)
  const { size } = lstatSync(`${path}-wal`)
  assert.equal(await store.identities.rememberAccount(alice, 2), first)
  assert.is(lstatSync(`${path}-wal`).size, size)
  await store.identities.rememberAccount({ ...alice, groups: [] }, 3)
  assert.ok(lstatSync(`${path}-wal`).size > size)
  await store.close()
})

test('the grants of a session go with it', async ({ path }) => {
  const store = await openSqliteStore(path)
  const { id } = await store.identities.rememberAccount(alice, 1)
  await store.sessions.add(session('one', id), grant('first', 'one'))
  assert.is(await store.sessions.remove('one'), true)
  assert.is(await store.grants.find('first'), null)
  assert.is(await store.sessions.remove('one'), false)
  await store.close()
})

test('a rotation is whole or not at all', async ({ path }) => {
  const store = await openSqliteStore(path)
  const { id } = await store.identities.rememberAccount(alice, 1)
  await store.sessions.add(session('one', id), grant('first', 'one'))
  await store.sessions.add(session('two', id), grant('taken', 'two'))
  const spent = { at: now, source: 'x' }
  // Its successor's id is taken: nothing of it may be left.
  assert.ok(await faultOf(store.grants.rotate('first', spent, grant('taken', 'one'), 'taken2')))
  assert.is((await store.grants.find('first'))?.spent, null)
  assert.is(await store.grants.rotate('first', spent, grant('second', 'one'), 'taken'), true)
  assert.equal((await store.grants.find('first'))?.spent, { ...spent, successor: 'second' })
  assert.is(await store.grants.find('taken'), null)
  assert.is(await store.grants.rotate('gone', spent, grant('third', 'one'), null), false)
  assert.is(await store.grants.find('third'), null)
  await store.close()
})

test('clear ends every session and leaves the identities', async ({ path }) => {
  const store = await openSqliteStore(path)
  const { id } = await store.identities.rememberAccount(alice, 1)
  await store.sessions.add(session('one', id), grant('first', 'one'))
  await store.sessions.clear()
  assert.is(await store.sessions.count(), 0)
  assert.ok(await store.identities.find(id))
  await store.close()
})

test('what was confirmed is there after the process was killed', ({ path }) => {
  const script = `
    import { openSqliteStore } from ${JSON.stringify(join(import.meta.dirname, '../../../server/keeper/store/sqlite.ts'))}
    const store = await openSqliteStore(${JSON.stringify(path)})
    await store.identities.rememberAccount(${JSON.stringify(alice)}, 1)
    process.kill(process.pid, 'SIGKILL')`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  assert.is(signal, 'SIGKILL')
  const database = new Database(path)
  assert.equal(database.prepare('select name from identity').pluck().all(), ['alice'])
  database.close()
})

test('a store that was copied while it was in use opens, its log beside it', async ({ directory, path }) => {
  const store = await openSqliteStore(path)
  await store.identities.rememberAccount(alice, 1)
  const copy = join(directory, 'copy.db')
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
  await store.close()
  const again = await openSqliteStore(copy)
  assert.is((await again.identities.findByName('alice')).length, 1)
  await again.close()
})

const MiB = 1024 * 1024

async function onSmallDisk(run: (store: Store, disk: ReturnType<typeof mountSmallDisk>) => Promise<void>) {
  const disk = mountSmallDisk(8 * MiB)
  try {
    const store = await openSqliteStore(join(disk.path, 'postern.db'))
    try {
      await run(store, disk)
    } finally {
      disk.free()
      await store.close()
    }
  } finally {
    disk.remove()
  }
}

test('a full disk is told by name, in a transaction too, and what there was stays', () =>
  onSmallDisk(async (store, disk) => {
    const { id } = await store.identities.rememberAccount(alice, 1)
    await store.sessions.add(session('one', id), grant('first', 'one'))
    disk.fill()
    const next = grant('second', 'one')
    assert.instance(await faultOf(store.grants.rotate('first', { at: now, source: 'x' }, next, null)), StorageFull)
    assert.is((await store.grants.find('first'))?.spent, null)
    const adding = Array.from(
      { length: 300 },
      (_, at) => () => store.sessions.add(session(`s${at}`, id), grant(`g${at}`, `s${at}`)),
    )
    let fault: unknown = null
    for (const add of adding) fault ??= await faultOf(add())
    assert.instance(fault, StorageFull)
    disk.free()
    assert.is(await faultOf(store.sessions.add(session('late', id), grant('late', 'late'))), null)
    assert.ok(await store.sessions.find('one'))
  }))

test('with room set aside some hundred logins go on while the disk is full', () =>
  onSmallDisk(async (store, disk) => {
    const { id } = await store.identities.rememberAccount(alice, 1)
    assert.ok(await store.keepRoom())
    disk.fill()
    for (let at = 0; at < 300; at += 1) {
      await store.sessions.add(session(`session ${at}`, id), grant(`grant ${at}`, `session ${at}`))
      await store.sessions.setUsed('session 0', { ...now, monotonicMs: at })
    }
    assert.is(await store.sessions.count(), 300)
    assert.is(await store.sessions.remove('session 7'), true)
  }))

test('that there is no room to set aside is an answer, and nothing breaks by it', () =>
  onSmallDisk(async (store, disk) => {
    await store.identities.rememberAccount(alice, 1)
    disk.fill()
    assert.is(await store.keepRoom(), false)
    disk.free()
    assert.is(await store.keepRoom(), true)
    assert.is((await store.identities.findByName('alice')).length, 1)
  }))

test('room that is there is not made again', async ({ path }) => {
  const store = await openSqliteStore(path)
  await store.keepRoom()
  const { size } = lstatSync(path)
  for (let at = 0; at < 5; at += 1) assert.ok(await store.keepRoom())
  assert.is(lstatSync(path).size, size)
  await store.close()
})

test.run()
