/** What is believed of a gate's word on a connection. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBelief } from '../../server/keeper/believe.ts'
import type { From } from '../../server/link/message.ts'

const test = suite('keeper/believe')
const base: From = { source: 'uid:1000', local: true, uid: 1000, secure: false, agent: 'test' }
const answers: readonly (readonly [uid: number, answer: boolean | null])[] = [
  [0, null],
  [990, true],
  [1000, true],
  [100_000, false],
  [100_001, false],
  [2000, null],
]

/** What it makes of that word, and which uids it looked up. */
async function believe(from: Partial<From>): Promise<{ from: From; looked: number[] }> {
  const looked: number[] = []
  const find = async (uid: number) => {
    looked.push(uid)
    return new Map(answers).get(uid) ?? null
  }
  return { from: await createBelief({ find })({ ...base, ...from }), looked }
}

const cases: { name: string; given: Partial<From>; source: string; local: boolean; looked: number[] }[] = [
  { name: 'an account of this machine', given: {}, source: 'uid:1000', local: true, looked: [1000] },
  { name: 'the kiosk', given: { uid: 990, source: 'uid:990' }, source: 'uid:990', local: true, looked: [990] },
  {
    name: 'root, also when the directory is away',
    given: { uid: 0, source: 'uid:0' },
    source: 'uid:0',
    local: true,
    looked: [],
  },
  {
    name: 'a uid without an account',
    given: { uid: 100_000, source: 'uid:100000' },
    source: 'uid:unnamed',
    local: false,
    looked: [100_000],
  },
  {
    name: 'another one',
    given: { uid: 100_001, source: 'uid:100001' },
    source: 'uid:unnamed',
    local: false,
    looked: [100_001],
  },
  {
    name: 'a uid of which nobody can say',
    given: { uid: 2000, source: 'uid:2000' },
    source: 'uid:unnamed',
    local: false,
    looked: [2000],
  },
  {
    name: 'a uid that is another than the source',
    given: { uid: 1000, source: 'uid:990' },
    source: 'uid:unnamed',
    local: true,
    looked: [1000],
  },
  { name: 'a source by uid without the uid', given: { uid: null }, source: 'uid:unnamed', local: false, looked: [] },
  {
    name: 'a local address without a uid',
    given: { uid: null, source: '127.0.0.1' },
    source: 'ip:127.0.0.1',
    local: false,
    looked: [],
  },
  {
    name: 'another machine',
    given: { source: 'ip:192.0.2.1', local: false, uid: null },
    source: 'ip:192.0.2.1',
    local: false,
    looked: [],
  },
  {
    name: 'a proxy of this machine, with its uid',
    given: { source: 'ip:192.0.2.1', local: false, uid: 33 },
    source: 'ip:192.0.2.1',
    local: false,
    looked: [],
  },
  {
    name: 'the UNIX socket',
    given: { source: 'unix', local: false, uid: null },
    source: 'unix',
    local: false,
    looked: [],
  },
  {
    name: 'who says to be root.sock',
    given: { source: 'root', local: true, uid: 0 },
    source: 'unknown',
    local: true,
    looked: [],
  },
  { name: 'a text', given: { source: '"root', local: false }, source: 'unknown', local: false, looked: [] },
]
for (const { name, given, source, local, looked } of cases)
  test(`${name} is ${source}, ${local ? '' : 'not '}local`, async () => {
    const believed = await believe(given)
    assert.equal(believed.from, { ...base, ...given, source, local })
    assert.equal(believed.looked, looked)
  })

test.run()
