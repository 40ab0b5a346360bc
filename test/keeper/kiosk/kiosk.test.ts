/** The kiosk's ticket: where it lies, whose it is, and when there is a new one. */
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Kiosk } from '../../../server/keeper/kiosk/kiosk.ts'
import { Tickets } from '../../../server/keeper/ticket/tickets.ts'
import { createHouse, type House, here } from '../session/house.ts'

interface Context {
  house: House
  runtime: string
  file: string
  /** As the configuration has it; a test may change it. */
  settings: { now: { user: string; role: string } | null }
  kiosk: Kiosk
  tickets: Tickets
}

const test = suite<Context>('keeper/kiosk')
test.before.each(async context => {
  const house = await createHouse()
  const runtime = join(house.directory, 'run')
  mkdirSync(runtime, { mode: 0o755 })
  const settings = { now: { user: 'alice', role: 'viewer' } }
  Object.assign(context, { house, runtime, settings, file: join(runtime, 'kiosk/alice') })
  Object.assign(context, makeKiosk(context))
})
test.after.each(({ house }) => house.close())

function makeKiosk({ house, runtime, settings }: Pick<Context, 'house' | 'runtime' | 'settings'>) {
  const { store, sessions, clock } = house
  const findAccount = async (name: string) => house.accounts.get(name) ?? null
  const common = { store, sessions, clock, random: randomBytes, findAccount }
  const kioskUser = () => settings.now?.user ?? null
  const tickets = new Tickets({ ...common, mayLogIn: ({ name }: { name: string }) => name === 'bob', kioskUser })
  return { tickets, kiosk: new Kiosk({ ...common, tickets, runtimeDirectory: runtime, settings: () => settings.now }) }
}

const read = (file: string) => readFileSync(file, 'utf8').trim()

function spend({ tickets }: Context, text: string) {
  return tickets.spend(text, { from: here, authenticated: null, confirmed: false, note: () => {} })
}

test('lies in a file that its account alone can read, in a directory of the keeper', async ({
  kiosk,
  runtime,
  file,
}) => {
  await kiosk.start()
  const { mode, uid, gid } = statSync(file)
  assert.equal([(mode & 0o7777).toString(8), uid, gid], ['400', 1000, 1000])
  const directory = statSync(join(runtime, 'kiosk'))
  assert.equal([(directory.mode & 0o7777).toString(8), directory.uid], ['755', 0])
  assert.match(readFileSync(file, 'utf8'), /^[A-Za-z0-9_-]{43}\n$/)
})

test('begins a session of the account with the role of the kiosk, and is replaced before that is answered', async context => {
  const { kiosk, file } = context
  await kiosk.start()
  const text = read(file)
  const answer = await spend(context, text)
  assert.ok(answer.ok)
  assert.equal([answer.value.identity.name, answer.value.session.roleCap], ['alice', 'viewer'])
  assert.is.not(read(file), text)
  assert.not.ok((await spend(context, text)).ok)
  assert.ok((await spend(context, read(file))).ok)
})

test('is of no use to another uid', async context => {
  await context.kiosk.start()
  const { tickets, file } = context
  const from = { ...here, uid: 1001 }
  const answer = await tickets.spend(read(file), { from, authenticated: null, confirmed: false, note: () => {} })
  assert.not.ok(answer.ok)
  assert.ok(await tickets.isUnspent(read(file)))
})

test('one screen has one session: the next login ends the former', async context => {
  await context.kiosk.start()
  const first = await spend(context, read(context.file))
  await spend(context, read(context.file))
  assert.ok(first.ok)
  assert.is(await context.house.store.sessions.find(first.value.session.id), null)
})

test('is replaced when all sessions of the account were ended, and when somebody removed the file', async ({
  kiosk,
  house,
  file,
}) => {
  await kiosk.start()
  const first = read(file)
  await house.login('alice')
  await house.sessions.endAll((await house.identity('alice')).id, null)
  const second = read(file)
  assert.is.not(second, first)
  rmSync(file)
  await kiosk.tick()
  assert.is.not(read(file), second)
})

test('stays as it is while it is good: who reads it just then can use it', async ({ kiosk, file }) => {
  await kiosk.start()
  const text = read(file)
  await kiosk.tick()
  assert.is(read(file), text)
})

test('follows the configuration: another role, another user, no kiosk', async ({
  kiosk,
  house,
  settings,
  runtime,
  file,
  tickets,
}) => {
  await kiosk.start()
  const first = read(file)
  settings.now = { user: 'alice', role: 'operator' }
  await kiosk.tick()
  assert.is.not(read(file), first)
  assert.not.ok(await tickets.isUnspent(first))
  settings.now = { user: 'bob', role: 'viewer' }
  await kiosk.tick()
  assert.equal(readdirSync(join(runtime, 'kiosk')), ['bob'])
  settings.now = null
  await kiosk.tick()
  assert.equal(readdirSync(join(runtime, 'kiosk')), [])
  assert.equal(await house.store.tickets.list(), [])
})

test('an account that was made anew is another one: it gets a ticket of its own, and the former session ends', async context => {
  const { kiosk, house, file, tickets } = context
  await kiosk.start()
  const began = await spend(context, read(file))
  assert.ok(began.ok)
  const former = read(file)
  house.accounts.set('alice', { name: 'alice', uid: 1007, gid: 1007, groups: ['alice'] })
  await kiosk.tick()
  assert.is(statSync(file).uid, 1007)
  assert.not.ok(await tickets.isUnspent(former))
  assert.is(await house.store.sessions.find(began.value.session.id), null)
})

test('a login link of somebody else is nothing to the kiosk', async context => {
  const { kiosk, house, file, tickets } = context
  await kiosk.start()
  const began = await spend(context, read(file))
  assert.ok(began.ok)
  const { id } = await house.identity('bob')
  const wanted = { identity: id, kind: 'link', roleCap: null, boundUid: null, madeBy: null, ttlMs: 60_000 } as const
  const link = (await tickets.create(wanted)) ?? ''
  const from = { ...here, uid: 1001, source: 'uid:1001' }
  assert.ok((await tickets.spend(link, { from, authenticated: null, confirmed: false, note: () => {} })).ok)
  assert.ok(await house.store.sessions.find(began.value.session.id))
})

test('is gone after a stop, and what a former run left is worth nothing', async context => {
  const { kiosk, file, house } = context
  await kiosk.start()
  const left = read(file)
  const next = makeKiosk(context)
  await next.kiosk.start()
  assert.not.ok(await next.tickets.isUnspent(left))
  await next.kiosk.stop()
  assert.not.ok(existsSync(file))
  assert.equal(await house.store.tickets.list(), [])
})

test('is not written where a hostile user has put a directory or a link', async ({ kiosk, runtime, house }) => {
  const directory = join(runtime, 'kiosk')
  mkdirSync(directory)
  chownSync(directory, 1001, 1001)
  await kiosk.start().then(
    () => assert.unreachable(),
    fault => assert.match(String(fault), /belongs to uid 1001/),
  )
  assert.equal(readdirSync(directory), [])
  rmSync(directory, { recursive: true })
  symlinkSync(house.directory, directory)
  await kiosk.tick().then(
    () => assert.unreachable(),
    fault => assert.match(String(fault), /is not a directory/),
  )
})

test('tells its own account how it is, and nobody else', async context => {
  const { kiosk, house } = context
  await kiosk.start()
  for (const from of [
    { ...here, uid: 1001 },
    { ...here, uid: 0 },
    { ...here, uid: null },
    { ...here, local: false },
  ]) {
    assert.is(await kiosk.status(from), null)
    assert.is(await kiosk.wait(from), false)
  }
  assert.equal(await kiosk.status(here), { user: 'alice', ticket: true, session: 'none', waiting: false })
  assert.is(await kiosk.wait(here), true)
  assert.is((await kiosk.status(here))?.waiting, true)
  const answer = await spend(context, read(context.file))
  assert.equal(await kiosk.status(here), { user: 'alice', ticket: true, session: 'active', waiting: false })
  assert.ok(answer.ok)
  await house.sessions.end(answer.value.session.id)
  assert.is((await kiosk.status(here))?.session, 'ended')
})

test('knows after a restart which session its browser has', async context => {
  await context.kiosk.start()
  await spend(context, read(context.file))
  const next = makeKiosk(context)
  await next.kiosk.start()
  assert.is((await next.kiosk.status(here))?.session, 'active')
})

const changes: { name: string; settings: Context['settings']['now'] }[] = [
  { name: 'another role', settings: { user: 'alice', role: 'operator' } },
  { name: 'another user', settings: { user: 'bob', role: 'viewer' } },
  { name: 'no kiosk', settings: null },
]
for (const { name, settings } of changes) {
  test(`its session ends when the configuration has ${name}, and no other one does`, async context => {
    const { kiosk, house } = context
    await kiosk.start()
    const answer = await spend(context, read(context.file))
    assert.ok(answer.ok)
    const other = await house.login('alice', { amr: ['ticket'], roleCap: 'viewer' })
    await kiosk.tick()
    assert.ok(await house.isGood(answer.value.accessToken))
    context.settings.now = settings
    await kiosk.tick()
    assert.not.ok(await house.isGood(answer.value.accessToken))
    assert.ok(await house.isGood(other.accessToken))
  })

  test(`its session ends at a start when the configuration has ${name} by then`, async context => {
    await context.kiosk.start()
    const answer = await spend(context, read(context.file))
    assert.ok(answer.ok)
    const other = await context.house.login('alice', { amr: ['ticket'], roleCap: 'viewer' })
    context.settings.now = settings
    await makeKiosk(context).kiosk.start()
    assert.not.ok(await context.house.isGood(answer.value.accessToken))
    assert.ok(await context.house.isGood(other.accessToken))
  })
}

test.run()
