/** The uid at the other end, from real sockets of another user and from tables that the kernel might show. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Connection, createPeerLookup, findPeerUids, peerRowKey, type ReadTable } from '../../server/gate/peer.ts'

const test = suite('gate/peer')
const ownUid = process.getuid?.() ?? 0
const otherUid = ownUid === 0 ? 4242 : ownUid

// Becomes the other user, connects, and does as the lines on its standard input say.
const CLIENT = `
const [uid, host, port] = JSON.parse(process.argv[1])
if (process.getuid() !== uid) { process.setgroups([]); process.setgid(uid); process.setuid(uid) }
const socket = require('node:net').connect({ host, port, allowHalfOpen: true })
socket.on('error', () => {})
process.stdin.on('data', text => (String(text) === 'end' ? socket.end() : socket.destroy()))
process.stdin.on('end', () => process.exit())`

interface Peer {
  readonly socket: Socket
  readonly client: ChildProcess
  /** Tells the client to half-close ('end') or to close ('destroy'), and waits until its FIN is here. */
  readonly finish: (how: 'end' | 'destroy') => Promise<void>
}

const children: ChildProcess[] = []
const servers: Server[] = []

async function connect(listen: string, target: string): Promise<Peer> {
  const server = createServer({ allowHalfOpen: true }).listen(0, listen)
  servers.push(server)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const given = JSON.stringify([otherUid, target, port])
  const client = spawn(process.execPath, ['-e', CLIENT, given], { stdio: ['pipe', 'ignore', 'inherit'] })
  children.push(client)
  const [socket] = (await once(server, 'connection')) as [Socket]
  socket.on('error', () => {}).resume()
  const finish = async (how: string) => {
    const ended = once(socket, 'end')
    client.stdin?.write(how)
    await ended
  }
  return { socket, client, finish }
}

const ends = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): Connection => ({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
})

test.after(async () => {
  for (const server of servers) server.close()
  for (const child of children) {
    const gone = once(child, 'exit')
    child.stdin?.end()
    if (child.exitCode === null) await gone
  }
})

const real: [name: string, listen: string, target: string, seen: string][] = [
  ['IPv4', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['another IPv4 loopback address', '127.0.0.9', '127.0.0.9', '127.0.0.1'],
  ['IPv6', '::1', '::1', '::1'],
  ['IPv4 by an IPv6 socket of the client', '127.0.0.1', '::ffff:127.0.0.1', '127.0.0.1'],
  ['IPv4 at a dual-stack socket of ours', '::', '127.0.0.1', '::ffff:127.0.0.1'],
]
for (const [name, listen, target, seen] of real)
  test(`finds the other user: ${name}`, async () => {
    const { socket } = await connect(listen, target)
    assert.match(socket.remoteAddress ?? '', target.startsWith('127.0.0.9') ? /^127\.0\.0\./ : seen)
    assert.is(await createPeerLookup().find(socket), otherUid)
    socket.destroy()
  })

test('a peer that has half closed is nobody, though its row still has uid and inode', async () => {
  const { socket, finish } = await connect('127.0.0.1', '127.0.0.1')
  await finish('end')
  assert.is(await createPeerLookup().find(socket), null)
  socket.destroy()
})

test('a peer that has closed is nobody, though the kernel shows its row with uid 0', async () => {
  const { socket, finish } = await connect('127.0.0.1', '127.0.0.1')
  const tuple = ends(socket)
  await finish('destroy')
  assert.is(await createPeerLookup().find(socket), null, 'FIN_WAIT2')
  const closed = once(socket, 'close')
  socket.end()
  await closed
  const row = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .find(line => line.includes(peerRowKey(tuple) ?? 'none'))
  assert.match(row ?? '', / 06 .* 0 +0 0 /, 'TIME_WAIT')
  assert.is(await createPeerLookup().find(tuple), null)
  assert.is(await createPeerLookup().find(socket), null, 'a destroyed socket')
})

test('what was found is remembered by connection, even after it closed', async () => {
  const { socket } = await connect('127.0.0.1', '127.0.0.1')
  const lookup = createPeerLookup()
  assert.is(lookup.known(socket), undefined)
  await lookup.find(socket)
  assert.is(lookup.known(socket), otherUid)
  socket.destroy()
  assert.is(await lookup.find(socket), otherUid)
})

const v4: Connection = { remoteAddress: '127.0.0.1', remotePort: 50000, localAddress: '127.0.0.1', localPort: 7640 }
const v6: Connection = { remoteAddress: '2001:db8::1:2', remotePort: 10, localAddress: '::1', localPort: 7640 }
const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (ends: string, state = '01', uid = 1000, inode = 777) =>
  `   0: ${ends} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 20 4 30 10 -1\n`

function tables(tcp: string, tcp6 = '', pieceLength = 1_000_000) {
  const reads: string[] = []
  const read: ReadTable = async function* (table) {
    reads.push(table)
    const text = HEADER + (table === 'tcp' ? tcp : tcp6)
    for (let at = 0; at < text.length; at += pieceLength) yield text.slice(at, at + pieceLength)
  }
  return { reads, read }
}

test('names a row as the kernel prints it', () => {
  assert.is(peerRowKey(v4), '0100007F:C350 0100007F:1DD8')
  assert.is(peerRowKey({ ...v4, remoteAddress: '::ffff:127.0.0.1' }), '0100007F:C350 0100007F:1DD8')
  assert.is(peerRowKey(v6), 'B80D0120000000000000000002000100:000A 00000000000000000000000001000000:1DD8')
  assert.is(peerRowKey({}), null)
  assert.is(peerRowKey({ ...v4, remoteAddress: undefined }), null)
  assert.is(peerRowKey({ ...v4, localPort: undefined }), null)
})

const mapped = '0000000000000000FFFF00000100007F:C350 0000000000000000FFFF00000100007F:1DD8'
const cases: [name: string, connection: Connection, tcp: string, tcp6: string, expected: number | null][] = [
  ['the row', v4, row('0100007F:C350 0100007F:1DD8'), '', 1000],
  ['uid 0 with an inode', v4, row('0100007F:C350 0100007F:1DD8', '01', 0), '', 0],
  ['a mapped row', v4, '', row(mapped), 1000],
  ['an IPv6 row', v6, '', row(peerRowKey(v6) ?? ''), 1000],
  ['no row', v4, '', '', null],
  ['our own row', v4, row('0100007F:1DD8 0100007F:C350'), '', null],
  ['a row to another port of ours', v4, row('0100007F:C350 0100007F:1DD9'), '', null],
  ['a row to another address of ours', v4, row('0100007F:C350 0200007F:1DD8'), '', null],
  ['a row from another port', v4, row('0100007F:C351 0100007F:1DD8'), '', null],
  ['a row from another address', v4, row('0200007F:C350 0100007F:1DD8'), '', null],
  ['a listening row', v4, row('0100007F:C350 0100007F:1DD8', '0A'), '', null],
  ['a row in FIN_WAIT2', v4, row('0100007F:C350 0100007F:1DD8', '05'), '', null],
  ['a row without an inode', v4, row('0100007F:C350 0100007F:1DD8', '01', 0, 0), '', null],
  ['an IPv6 row that merely ends so', v4, '', row(mapped.replaceAll('FFFF', 'FFFE')), null],
  ['a torn row', v4, '   0: 0100007F:C350 0100007F:1DD8 01 0\n', '', null],
]
for (const [name, connection, tcp, tcp6, expected] of cases)
  test(`answers ${expected} to ${name}`, async () => {
    for (const pieceLength of [7, 1_000_000])
      assert.is(await createPeerLookup(tables(tcp, tcp6, pieceLength).read).find(connection), expected)
  })

test('a table without a last line feed is read to its end', async () => {
  const { read } = tables(row('0100007F:C350 0100007F:1DD8').trimEnd())
  assert.is(await createPeerLookup(read).find(v4), 1000)
})

test('reading stops at the row, and IPv6 peers are not looked for in tcp', async () => {
  const first = tables(row('0100007F:C350 0100007F:1DD8'))
  await createPeerLookup(first.read).find(v4)
  assert.equal(first.reads, ['tcp'])
  const second = tables('', row(peerRowKey(v6) ?? ''))
  await createPeerLookup(second.read).find(v6)
  assert.equal(second.reads, ['tcp6'])
})

test('a row beyond 65,536 others is not there', async () => {
  const filler = row('00000000:0000 00000000:0000')
  const wanted = row('0100007F:C350 0100007F:1DD8')
  const keys = new Set([peerRowKey(v4) ?? ''])
  assert.is((await findPeerUids(keys, tables(filler.repeat(65_000) + wanted).read)).size, 1)
  assert.is((await findPeerUids(keys, tables(filler.repeat(66_000) + wanted).read)).size, 0)
})

test('a closed connection costs no reading', async () => {
  const { reads, read } = tables('')
  assert.is(await createPeerLookup(read).find({}), null)
  assert.equal(reads, [])
})

test('a no is remembered too', async () => {
  const { reads, read } = tables('')
  const lookup = createPeerLookup(read)
  assert.is(await lookup.find(v4), null)
  assert.is(lookup.known(v4), null)
  await lookup.find(v4)
  assert.is(reads.length, 2)
})

test('a thousand that ask at once share one scan', async () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({ ...v4, remotePort: 10_000 + index }))
  const { reads, read } = tables(many.map((one, index) => row(peerRowKey(one) ?? '', '01', 2000 + index)).join(''))
  const lookup = createPeerLookup(read)
  const uids = await Promise.all(many.map(one => lookup.find(one)))
  assert.equal(
    uids,
    many.map((_, index) => 2000 + index),
  )
  assert.equal(reads, ['tcp'])
})

test('who asks while a scan runs is answered by the next, which may not overlap it', async () => {
  const late = { ...v4, remotePort: 50_001 }
  let running = 0
  let scans = 0
  let asked: Promise<number | null> | null = null
  const lookup = createPeerLookup(async function* () {
    assert.is(++running, 1)
    scans++
    try {
      // The late one's row comes only after its question, so the scan that is under way could not be its answer.
      asked ??= lookup.find(late)
      yield scans === 1 ? row('0100007F:C350 0100007F:1DD8') : row('0100007F:C351 0100007F:1DD8', '01', 1001)
    } finally {
      await new Promise(resolve => setImmediate(resolve))
      running--
    }
  })
  assert.is(await lookup.find(v4), 1000)
  assert.is(await asked, 1001)
  assert.is(scans, 2)
})

test('tables that cannot be read are a fault, which is not remembered and stops nobody after', async () => {
  let broken = true
  const good = tables(row('0100007F:C350 0100007F:1DD8')).read
  const lookup = createPeerLookup(async function* (table) {
    if (broken) throw new Error('no such file')
    yield* good(table)
  })
  try {
    await lookup.find(v4)
    assert.unreachable()
  } catch (fault) {
    assert.match(String(fault), 'no such file')
  }
  assert.is(lookup.known(v4), undefined)
  broken = false
  assert.is(await lookup.find(v4), 1000)
})

test.run()
