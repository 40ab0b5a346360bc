/** When another machine's key is the right one, and what is kept of it. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandFault } from '../../cli/fault.ts'
import { KnownHosts } from '../../cli/known-hosts.ts'
import { meet, type Remote, requireKnown } from '../../cli/remote-key.ts'

const own = `SHA256:${'a'.repeat(43)}`
const other = `SHA256:${'b'.repeat(43)}`
const remote: Remote = { origin: 'https://box:7643', prefix: '', expected: null, insecure: false }
const directoryName = 'postern'

const test = suite<{ base: string; hosts: KnownHosts }>('cli/remote')
test.before.each(context => {
  context.base = mkdtempSync(join(tmpdir(), 'postern-hosts-'))
  context.hosts = new KnownHosts(join(context.base, directoryName), process.getuid?.() ?? 0)
})
test.after.each(({ base }) => rmSync(base, { recursive: true, force: true }))

interface Case {
  readonly name: string
  readonly given: Partial<Remote>
  readonly pin: string | null
  readonly vouched?: boolean
  /** What the refusal must show; null for a yes. */
  readonly expect: readonly string[] | null
}

const cases: Case[] = [
  { name: 'an unknown key', given: {}, pin: null, expect: ['is not known', own] },
  { name: 'the pinned key', given: {}, pin: own, expect: null },
  { name: 'a changed key', given: {}, pin: other, expect: ['has changed', own, other] },
  { name: 'a changed key that an authority vouches for', given: {}, pin: other, vouched: true, expect: [own, other] },
  { name: 'a key that an authority vouches for', given: {}, pin: null, vouched: true, expect: null },
  { name: 'the expected key', given: { expected: own }, pin: null, expect: null },
  { name: 'the expected key in place of the pinned one', given: { expected: own }, pin: other, expect: null },
  { name: 'another than the expected key', given: { expected: other }, pin: own, vouched: true, expect: [own, other] },
  { name: 'any key where none is asked for', given: { insecure: true }, pin: other, expect: null },
]
for (const { name, given, pin, vouched = false, expect } of cases)
  test(`${expect === null ? 'takes' : 'refuses'} ${name}`, () => {
    const act = () => requireKnown({ ...remote, ...given }, pin, { pin: own, vouched })
    if (expect === null) return act()
    assert.throws(act, (fault: unknown) => fault instanceof CommandFault && fault.exit === 'permission')
    for (const text of [...expect, 'nothing was sent'])
      assert.throws(act, (fault: Error) => fault.message.includes(text))
  })

const asker = (answer: string) => ({ show: () => {}, ask: async () => answer })
const nobody = { show: () => {} }

test('keeps the pin that was confirmed or expected, and no other', async ({ hosts }) => {
  const presented = { pin: own, vouched: false }
  await meet(remote, hosts, presented, asker('no')).catch(() => undefined)
  assert.is(hosts.find(remote.origin), null)
  await meet({ ...remote, insecure: true }, hosts, presented, nobody)
  assert.is(hosts.find(remote.origin), null)
  await meet(remote, hosts, { pin: own, vouched: true }, asker('no'))
  assert.is(hosts.find(remote.origin), null)
  await meet(remote, hosts, presented, asker('yes'))
  assert.is(hosts.find(remote.origin), own)
  await meet(remote, hosts, { pin: other, vouched: false }, asker('yes')).catch(() => undefined)
  assert.is(hosts.find(remote.origin), own)
  await meet({ ...remote, expected: other }, hosts, { pin: other, vouched: false }, nobody)
  assert.is(hosts.find(remote.origin), other)
  assert.is(hosts.find('https://box:7644'), null)
  assert.is(hosts.find('constructor'), null)
})

test('shows the key that an authority alone vouches for, and asks nothing; one that is known is not shown', async ({
  hosts,
}) => {
  const shown: string[] = []
  const witness = {
    show: (text: string) => void shown.push(text),
    ask: () => Promise.reject(new Error('nothing is to be asked')),
  }
  const presented = { pin: own, vouched: true }
  await meet(remote, hosts, presented, witness)
  assert.equal(shown.length, 1)
  assert.match(String(shown[0]), /authority of this machine vouches.*https:\/\/box:7643/)
  assert.ok(shown[0]?.includes(own))
  await meet({ ...remote, expected: own }, hosts, presented, witness)
  await meet(remote, hosts, presented, witness)
  assert.is(shown.length, 1)
})

for (const text of ['', '[]', '{"pins":{"https://box:7643":"x"}}', '{"pins":null}'])
  test(`refuses the content ${text || 'nothing'}`, async ({ base, hosts }) => {
    await hosts.keep(remote.origin, own)
    assert.equal(readdirSync(join(base, directoryName)), ['hosts.json'])
    writeFileSync(join(base, directoryName, 'hosts.json'), text)
    assert.throws(() => hosts.find(remote.origin), /not what postern writes/)
  })

test.run()
