/** `postern monitor`: what happens shows in the terminal, also after the daemon was away. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person, type Watched } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'

const test = suite('e2e/monitor')

let daemon: Daemon
let account: Account
let person: Person
let root: Person
let running: Watched | null = null

test.before(async () => {
  account = await createAccount()
  daemon = await startDaemon({ config: { login: { allow: { users: ['root', account.name] } } } })
  person = createPerson(account.uid, daemon.runtime)
  root = createPerson(0, daemon.runtime)
  assert.is((await person.run(['login', '--password-stdin'], `${account.password}\n`)).status, 0)
})
test.after.each(async () => {
  await running?.stop()
  running = null
})
test.after(async () => {
  person?.remove()
  root?.remove()
  await daemon?.remove()
  await account?.remove()
})

function watch(who: Person, args: readonly string[]): Watched {
  running = who.watch(['monitor', ...args])
  return running
}

/** Something happens until the command, which needs a moment to begin, has heard of it. */
async function untilHeard({ lines }: Watched): Promise<void> {
  for (const endMs = performance.now() + 10_000; lines().length === 0 && performance.now() < endMs; ) {
    await daemon.login(account.name, account.password)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

test('root sees everything, over root.sock', async () => {
  const watched = watch(root, [])
  await untilHeard(watched)
  await watched.line(new RegExp(`session +began +${account.name} +token from`))
  await daemon.login('nobody-here', 'wrong')
  await watched.line(/login +refused +somebody unknown/)
})

test('a person sees their own, one JSON object a line, of the kinds they want', async () => {
  const watched = watch(person, ['--json', '--kinds', 'login'])
  await untilHeard(watched)
  const event = JSON.parse(await watched.line(/"login"/))
  assert.equal([event.kind, event.action, event.user.name], ['login', 'ok', account.name])
  for (const line of watched.lines()) assert.is(JSON.parse(line).kind, 'login')
})

test('what came since an event is shown first', async () => {
  const first = watch(person, ['--json'])
  await untilHeard(first)
  const { id } = JSON.parse(await first.line(/./))
  await first.stop()
  const { session } = (await daemon.login(account.name, account.password)).json() as { session: { id: string } }
  for (const who of [person, root]) {
    const watched = watch(who, ['--json', '--since', id])
    await watched.line(new RegExp(session.id))
    assert.is(watched.errors(), '')
    await watched.stop()
  }
})

for (const who of ['root', 'a person'])
  test(`after the daemon was away it goes on for ${who}, and says that something may be missed`, async () => {
    const watched = watch(who === 'root' ? root : person, [])
    await untilHeard(watched)
    await daemon.stop()
    await daemon.start()
    const seen = watched.lines().length
    for (const endMs = performance.now() + 10_000; watched.lines().length === seen && performance.now() < endMs; ) {
      await daemon.login(account.name, account.password)
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    assert.ok(watched.lines().length > seen)
    assert.match(watched.errors(), /it is tried again\n.*there were events that nobody has kept/)
  })

test('whose session ends is told so, and the command ends', async () => {
  const watched = watch(person, [])
  await untilHeard(watched)
  await daemon.ask('/postern/v1/sessions/revoke', { body: { user: account.name }, token: daemon.token() })
  assert.is(await watched.ended(), 77)
  assert.match(watched.errors(), /you are not logged in/)
})

test('who is not logged in is told so, and a kind that is none is refused', async () => {
  for (const [args, status] of [
    [[], 77],
    [['--kinds', 'login,nothing'], 64],
  ] as const) {
    const watched = watch(person, args)
    assert.is(await watched.ended(), status)
    assert.match(watched.errors(), /^postern: error: /)
  }
})

test.run()
