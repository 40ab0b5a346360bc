/** Root's token: when it is written, renewed, ended; who can read the file. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RootToken } from '../../../server/keeper/root-token/root-token.ts'
import { createHouse, type House, here } from '../session/house.ts'

interface Context {
  house: House
  runtime: string
  path: string
  rootToken: RootToken
}

const test = suite<Context>('keeper/root-token')
test.before.each(async context => {
  const house = await createHouse()
  const runtime = join(house.directory, 'run')
  mkdirSync(runtime, { mode: 0o755 })
  Object.assign(context, { house, runtime, path: join(runtime, 'token'), rootToken: makeRootToken(house, runtime) })
})
test.after.each(({ house }) => house.close())

const account = { name: 'root', uid: 0, gid: 0, groups: ['root'] }

function makeRootToken({ sessions, store, clock }: House, runtimeDirectory: string): RootToken {
  return new RootToken({ runtimeDirectory, sessions, store, clock, random: randomBytes, account })
}

const made = { wallMs: 0, boot: '', monotonicMs: 0 }
const read = (path: string) => readFileSync(path, 'utf8').trim()

test('the file holds a token of root in a session of its own kind, and nothing else', async ({
  house,
  path,
  rootToken,
}) => {
  await rootToken.start()
  assert.match(readFileSync(path, 'utf8'), /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const who = await house.sessions.resolve(read(path), here)
  assert.is(who?.identity.name, 'root')
  assert.is(who?.session.kind, 'root')
})

test('the file is root’s, 0400, one link, and alone in its directory', async ({ runtime, path, rootToken }) => {
  await rootToken.start()
  const { mode, uid, nlink } = lstatSync(path)
  assert.equal([mode & 0o7777, uid, nlink], [0o400, 0, 1])
  assert.equal(readdirSync(runtime), ['token'])
})

test('it is honoured from local requests only', async ({ house, path, rootToken }) => {
  await rootToken.start()
  assert.not.ok(await house.isGood(read(path), { ...here, local: false }))
})

test('it is renewed at half its life, not before', async ({ house, path, rootToken }) => {
  await rootToken.start()
  const first = read(path)
  house.clock.pass(1799)
  await rootToken.tick()
  assert.is(read(path), first)
  house.clock.pass(1)
  await rootToken.tick()
  assert.is.not(read(path), first)
  assert.ok(await house.isGood(read(path)))
})

test('the former token ends 60 s after the renewal', async ({ house, path, rootToken }) => {
  await rootToken.start()
  const first = read(path)
  house.clock.pass(1800)
  await rootToken.tick()
  house.clock.pass(59)
  await rootToken.tick()
  assert.ok(await house.isGood(first))
  house.clock.pass(1)
  await rootToken.tick()
  assert.not.ok(await house.isGood(first))
  assert.ok(await house.isGood(read(path)))
})

test('a start ends the token of the run before', async ({ house, runtime, path, rootToken }) => {
  await rootToken.start()
  const former = read(path)
  await house.restart()
  const next = makeRootToken(house, runtime)
  await next.start()
  assert.not.ok(await house.isGood(former))
  assert.ok(await house.isGood(read(path)))
})

test('a stop removes the file and ends the token and its former one', async ({ house, path, rootToken }) => {
  await rootToken.start()
  const first = read(path)
  house.clock.pass(1800)
  await rootToken.tick()
  const second = read(path)
  await rootToken.stop()
  assert.not.ok(existsSync(path))
  assert.not.ok(await house.isGood(first))
  assert.not.ok(await house.isGood(second))
})

const endings: [name: string, end: (house: House, session: string, identity: string) => Promise<unknown>][] = [
  ['logs out', (house, session) => house.sessions.end(session)],
  ['ends all sessions of root', (house, _session, identity) => house.sessions.endAll(identity, null)],
]
for (const [name, end] of endings)
  test(`when root ${name}, the token is dead and the next one is there`, async ({ house, path, rootToken }) => {
    await rootToken.start()
    const first = read(path)
    const who = await house.sessions.resolve(first, here)
    if (who === null) throw new Error('the token is no good')
    await end(house, who.session.id, who.identity.id)
    assert.not.ok(await house.isGood(first))
    assert.is.not(read(path), first)
    assert.ok(await house.isGood(read(path)))
  })

for (const [name, end] of endings)
  test(`when root ${name}, the links that were made with the token are dead`, async ({ house, path, rootToken }) => {
    await rootToken.start()
    const { id: identity } = await house.identity('alice')
    const link = { identity, kind: 'link', roleCap: null, boundUid: null, madeBy: null, made, ttlMs: null } as const
    await house.store.tickets.add({ ...link, hash: 'link' })
    await house.store.tickets.add({ ...link, hash: 'kiosk', kind: 'kiosk' })
    const tick = () => {
      house.clock.pass(1800)
      return rootToken.tick()
    }
    await tick()
    await tick()
    assert.ok(await house.store.tickets.find('link'), 'a renewal ends them')
    const who = await house.sessions.resolve(read(path), here)
    await end(house, who?.session.id ?? '', who?.identity.id ?? '')
    assert.equal([await house.store.tickets.find('link'), (await house.store.tickets.list()).length], [null, 1])
  })

test('the end of another session renews nothing', async ({ house, path, rootToken }) => {
  await rootToken.start()
  const first = read(path)
  const { session } = await house.login('alice')
  await house.sessions.end(session.id)
  assert.is(read(path), first)
})

test('a file that cannot be written leaves the token as it is, and no session behind', async ({
  house,
  runtime,
  path,
  rootToken,
}) => {
  await rootToken.start()
  const first = read(path)
  const count = await house.store.sessions.count()
  house.clock.pass(1800)
  chmodSync(runtime, 0o777)
  for (let round = 0; round < 40; round += 1) {
    house.clock.pass(2)
    let fault: unknown = null
    await rootToken.tick().catch(thrown => {
      fault = thrown
    })
    assert.match(String(fault), 'writable by others')
  }
  assert.is(await house.store.sessions.count(), count)
  assert.ok(await house.isGood(first))
  chmodSync(runtime, 0o755)
  await rootToken.tick()
  assert.is.not(read(path), first)
  assert.ok(await house.isGood(first), 'its 60 s begin with the renewal')
})

test('a token that was ended while the file could not be written is renewed as soon as it can', async ({
  house,
  runtime,
  path,
  rootToken,
}) => {
  await rootToken.start()
  const session = (await house.store.sessions.listKind('root'))[0]?.id ?? ''
  chmodSync(runtime, 0o777)
  await house.sessions.end(session).catch(() => {})
  chmodSync(runtime, 0o755)
  await rootToken.tick()
  assert.ok(await house.isGood(read(path)))
})

const inTheWay: [name: string, plant: (path: string, directory: string) => void][] = [
  ['a link to another file', (path, directory) => symlinkSync(join(directory, 'bait'), path)],
  ['a dangling link', (path, directory) => symlinkSync(join(directory, 'nowhere'), path)],
  ['a link to a device', path => symlinkSync('/dev/full', path)],
  ['a file that others can read', path => writeFileSync(path, '', { mode: 0o644 })],
  [
    'a file of another user',
    path => {
      writeFileSync(path, '')
      chownSync(path, 1234, 1234)
    },
  ],
]
for (const [name, plant] of inTheWay)
  test(`${name} at the path is replaced, never followed or filled`, async ({ house, path, rootToken }) => {
    const bait = join(house.directory, 'bait')
    writeFileSync(bait, 'bait')
    plant(path, house.directory)
    await rootToken.start()
    const { mode, uid } = lstatSync(path)
    assert.equal([mode & 0o777777, uid], [0o100400, 0])
    assert.is(readFileSync(bait, 'utf8'), 'bait')
    assert.not.ok(existsSync(join(house.directory, 'nowhere')))
  })

const badDirectories: [name: string, spoil: (directory: string) => void][] = [
  ['writable by others', directory => chmodSync(directory, 0o757)],
  ['writable by a group', directory => chmodSync(directory, 0o775)],
  ['another user’s', directory => chownSync(directory, 1234, 1234)],
  [
    'a link',
    directory => {
      rmSync(directory, { recursive: true })
      mkdirSync(`${directory}.real`)
      symlinkSync(`${directory}.real`, directory)
    },
  ],
]
for (const [name, spoil] of badDirectories)
  test(`nothing is written into a directory that is ${name}`, async ({ runtime, path, rootToken }) => {
    spoil(runtime)
    let fault: unknown = null
    await rootToken.start().catch(thrown => {
      fault = thrown
    })
    assert.instance(fault, Error)
    assert.not.ok(existsSync(path))
  })

const badParents: [name: string, spoil: (directory: string) => void][] = [
  ['writable by all', directory => chmodSync(directory, 0o777)],
  ['writable by a group', directory => chmodSync(directory, 0o770)],
  ['another user’s', directory => chownSync(directory, 1234, 1234)],
]
for (const [name, spoil] of badParents)
  test(`nothing is written below a directory that is ${name}: they could put another in its place`, async ({
    house,
    path,
    rootToken,
  }) => {
    spoil(house.directory)
    let fault: unknown = null
    await rootToken.start().catch(thrown => {
      fault = thrown
    })
    assert.instance(fault, Error)
    assert.not.ok(existsSync(path))
  })

test('a parent that all can write, where only owners can rename, is good: /tmp is one', async ({
  house,
  path,
  rootToken,
}) => {
  chmodSync(house.directory, 0o1777)
  await rootToken.start()
  assert.ok(existsSync(path))
})

test.run()
