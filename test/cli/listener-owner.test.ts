/** Whose program took a connection: from rows as the kernel prints them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findListenerUid, listListeningSockets } from '../../cli/listener-owner.ts'

const test = suite('cli/listener-owner')

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const row = (local: string, remote: string, state: string, uid: number, inode: number) =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 100 0 0 10 0`

const daemon = '0100007F:1DD8' // 127.0.0.1:7640
const us = '0100007F:C350' // 127.0.0.1:50000
const nobody = '00000000:0000'
const mapped = (place: string) => `0000000000000000FFFF0000${place}`
const four = { localAddress: '127.0.0.1', localPort: 50_000, remoteAddress: '127.0.0.1', remotePort: 7640 }
const six = { localAddress: '::1', localPort: 50_000, remoteAddress: '::1', remotePort: 7640 }
const six1 = '00000000000000000000000001000000'
const ours = row(us, daemon, '01', 1000, 5)

const cases: { name: string; given: string[]; connection?: typeof four; expect: number | null }[] = [
  { name: 'finds the uid that accepted', given: [ours, row(daemon, us, '01', 999, 7)], expect: 999 },
  {
    name: 'believes who accepted and not who listens now',
    given: [row(daemon, nobody, '0A', 0, 1), row(daemon, us, '01', 1234, 7)],
    expect: 1234,
  },
  {
    name: "takes a connection that waits for the one of who listens, not for root's as its row says",
    given: [row(daemon, nobody, '0A', 1234, 1), row(daemon, us, '01', 0, 0)],
    expect: 1234,
  },
  {
    name: 'finds who listens at all addresses',
    given: [row('00000000:1DD8', nobody, '0A', 1234, 1), row(daemon, us, '01', 0, 0)],
    expect: 1234,
  },
  {
    name: 'finds who listens at all addresses of both families',
    given: [
      row(`${'0'.repeat(32)}:1DD8`, `${'0'.repeat(32)}:0000`, '0A', 1234, 1),
      row(mapped(daemon), mapped(us), '01', 0, 0),
    ],
    expect: 1234,
  },
  {
    name: 'prefers who listens at the very address, as the kernel does',
    given: [row('00000000:1DD8', nobody, '0A', 1, 1), row(daemon, nobody, '0A', 2, 1), row(daemon, us, '01', 0, 0)],
    expect: 2,
  },
  {
    name: 'knows nothing where two uids listen',
    given: [row(daemon, nobody, '0A', 1, 1), row(daemon, nobody, '0A', 2, 2), row(daemon, us, '01', 0, 0)],
    expect: null,
  },
  {
    name: 'knows nothing without the row of the other end',
    given: [ours, row(daemon, nobody, '0A', 0, 1)],
    expect: null,
  },
  { name: 'does not take our own row for the other end', given: [ours], expect: null },
  {
    name: 'does not take a row that is closing',
    given: [row(daemon, us, '06', 0, 0), row(daemon, nobody, '0A', 0, 1)],
    expect: null,
  },
  {
    name: 'finds a connection over IPv6',
    connection: six,
    given: [row(`${six1}:1DD8`, `${six1}:C350`, '01', 999, 7)],
    expect: 999,
  },
  {
    name: 'knows nothing of other addresses',
    connection: { ...four, remoteAddress: 'fe80::1' },
    given: [ours],
    expect: null,
  },
  { name: 'knows nothing from an empty table', given: [], expect: null },
]
for (const { name, given, connection = four, expect } of cases)
  test(name, () => assert.is(findListenerUid(connection, [head, ...given].join('\n')), expect))

test('lists the sockets that listen at an address, of those uids alone', () => {
  const rows = [
    row(daemon, nobody, '0A', 0, 1),
    row(daemon, nobody, '0A', 999, 2),
    row(daemon, nobody, '0A', 1234, 3),
    row('00000000:1DD8', nobody, '0A', 0, 4),
    row('0200007F:1DD8', nobody, '0A', 0, 5),
    row(daemon, us, '01', 0, 6),
  ].join('\n')
  assert.equal(listListeningSockets('127.0.0.1', 7640, new Set([0, 999]), rows), ['1', '2'])
  assert.equal(listListeningSockets('127.0.0.3', 7640, new Set([0, 999]), rows), ['4'])
})

test.run()
