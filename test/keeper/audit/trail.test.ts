/** The trail on a real disk: durable, torn, cut short, exchanged, full. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EMPTY_HEAD, hashLine } from '../../../server/keeper/audit/line.ts'
import { verifyAuditFile } from '../../../server/keeper/audit/verify.ts'
import { codeOf, createPlace, entry, eventsOf, lastOf, linesOf, type Place, run, write } from './place.ts'

const test = suite<{ place: Place }>('audit trail')

test.before.each(context => {
  context.place = createPlace(fs.mkdtempSync(join(tmpdir(), 'postern-audit-')))
})

test.after.each(({ place }) => fs.rmSync(place.directory, { recursive: true, force: true }))

test('a record is in the file when it resolves, with time, boot and number', async ({ place }) => {
  const audit = await place.start()
  assert.is(await audit.record(entry), 1)
  const [line = ''] = linesOf(place.file)
  assert.equal(JSON.parse(line), {
    ...{ seq: 1, time: '2023-11-14T22:30:00.000Z', boot: 'boot-1', ...entry, prev: EMPTY_HEAD.hash },
  })
  assert.equal(audit.head(), { seq: 1, hash: hashLine(line) })
  await audit.close()
  assert.equal(place.heads.head, audit.head())
})

test('the file is made 0600', async ({ place }) => {
  await run(place, 1)
  assert.is(fs.statSync(place.file).mode & 0o777, 0o600)
})

test('a record resolves after the disk has it, and many share one write', async ({ place }) => {
  const probe = await open(join(place.directory, 'probe'), 'w')
  const prototype = Object.getPrototypeOf(probe)
  await probe.close()
  const datasync = prototype.datasync
  let synced = 0
  let resolvedEarly = 0
  let resolved = 0
  prototype.datasync = async function (this: unknown) {
    const before = resolved
    await new Promise(resolve => setImmediate(resolve))
    resolvedEarly += resolved - before
    await datasync.call(this)
    synced += 1
  }
  try {
    const audit = await place.start()
    const records = Array.from({ length: 200 }, () => audit.record(entry).then(() => (resolved += 1)))
    await Promise.all(records)
    await audit.close()
  } finally {
    prototype.datasync = datasync
  }
  assert.is(resolvedEarly, 0)
  assert.ok(synced >= 2 && synced <= 4, `${synced} times to the disk`)
  assert.is(verifyAuditFile(linesOf(place.file), EMPTY_HEAD).ok, true)
})

test('the chain goes on over a restart', async ({ place }) => {
  await run(place, 3)
  await run(place, 2)
  const verified = verifyAuditFile(linesOf(place.file), EMPTY_HEAD)
  assert.ok(verified.ok)
  assert.equal(verified.gaps, [])
  assert.is(verified.head?.seq, 5)
})

test('a store that lags behind the file is no gap', async ({ place }) => {
  await run(place, 2)
  const lagging = place.heads.head
  await run(place, 900)
  place.heads.head = lagging
  await run(place, 1)
  const verified = verifyAuditFile(linesOf(place.file), EMPTY_HEAD)
  assert.ok(verified.ok)
  assert.equal([verified.head?.seq, verified.gaps], [903, []])
})

test('a torn last line is recorded with its bytes, and the chain is whole', async ({ place }) => {
  await run(place, 2)
  fs.appendFileSync(place.file, '{"seq":3,"time":"2026')
  await run(place, 1)
  assert.equal(eventsOf(place.file), ['session.revoke', 'session.revoke', 'audit.torn', 'session.revoke'])
  assert.equal(JSON.parse(linesOf(place.file)[2] ?? '').detail, { bytes: 21, text: '{"seq":3,"time":"2026' })
  assert.is(verifyAuditFile(linesOf(place.file), EMPTY_HEAD).ok, true)
})

const losses: { name: string; damage: (place: Place) => void; reason: string; seq: number }[] = [
  { name: 'a missing file', damage: place => fs.rmSync(place.file), reason: 'missing', seq: 6 },
  { name: 'an emptied file', damage: place => fs.truncateSync(place.file, 0), reason: 'missing', seq: 6 },
  {
    name: 'a file cut short',
    damage: place => fs.writeFileSync(place.file, `${linesOf(place.file).slice(0, 3).join('\n')}\n`),
    reason: 'shortened',
    seq: 6,
  },
  {
    name: 'a last line that was changed',
    damage: place => fs.writeFileSync(place.file, fs.readFileSync(place.file, 'utf8').replace('"i":4', '"i":9')),
    reason: 'altered',
    seq: 6,
  },
  {
    name: 'a line added behind the stored head that does not fit',
    damage: place => fs.appendFileSync(place.file, `${(linesOf(place.file)[0] ?? '').replace('"seq":1', '"seq":6')}\n`),
    reason: 'altered',
    seq: 7,
  },
  {
    name: 'a last line that is no line',
    damage: place => fs.appendFileSync(place.file, 'junk\n'),
    reason: 'altered',
    seq: 6,
  },
  {
    name: 'a store that lost its head',
    damage: place => {
      place.heads.head = null
    },
    reason: 'head_unknown',
    seq: 6,
  },
]

for (const { name, damage, reason, seq } of losses) {
  test(`${name} is recorded, and no number is given twice`, async ({ place }) => {
    await run(place, 5)
    damage(place)
    await run(place, 0)
    const last = lastOf(place.file)
    assert.equal([last.event, last.reason, last.seq], ['audit.gap', reason, seq])
    await run(place, 1)
    assert.is(lastOf(place.file).seq, seq + 1)
  })
}

test('a stop waits until the store has the head', async ({ place }) => {
  const save = place.heads.save
  place.heads.save = async head => {
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
    await save(head)
  }
  const audit = await place.start()
  await audit.record(entry)
  await audit.close()
  assert.equal(place.heads.head, audit.head())
})

const unsafe: { name: string; make: (place: Place) => void }[] = [
  {
    name: 'a symbolic link',
    make: place => {
      fs.writeFileSync(join(place.directory, 'target'), '', { mode: 0o600 })
      fs.symlinkSync('target', place.file)
    },
  },
  {
    name: 'a file with a second name',
    make: place => {
      fs.writeFileSync(place.file, '', { mode: 0o600 })
      fs.linkSync(place.file, join(place.directory, 'second'))
    },
  },
  { name: 'a file that others may read', make: place => fs.writeFileSync(place.file, '', { mode: 0o644 }) },
  {
    name: 'a file that its group may write',
    make: place => {
      fs.writeFileSync(place.file, '')
      fs.chmodSync(place.file, 0o660)
    },
  },
  {
    name: 'a file of another user',
    make: place => {
      fs.writeFileSync(place.file, '', { mode: 0o600 })
      fs.chownSync(place.file, 65534, 65534)
    },
  },
  { name: 'a directory of another user', make: place => fs.chownSync(place.directory, 65534, 65534) },
  { name: 'a directory that others may write to', make: place => fs.chmodSync(place.directory, 0o777) },
]

for (const { name, make } of unsafe) {
  test(`${name} is not written to`, async ({ place }) => {
    make(place)
    assert.is.not(await codeOf(place.start()), 'resolved')
  })
}

test('a group that may read, as adm does, is accepted', async ({ place }) => {
  fs.writeFileSync(place.file, '')
  fs.chmodSync(place.file, 0o640)
  await run(place, 1)
})

test('a store that cannot save the head is told to the journal, and the records stand', async ({ place }) => {
  place.heads.save = async () => Promise.reject(new Error('store is broken'))
  await run(place, 2)
  assert.is(linesOf(place.file).length, 2)
  assert.match(place.journal[0] ?? '', /audit\.head_unsaved.*store is broken/)
})

test('the head goes to the journal on request', async ({ place }) => {
  const audit = await place.start()
  await write(audit, 2)
  audit.journalHead()
  const { event, seq, hash } = JSON.parse(place.journal[0] ?? '')
  assert.equal({ event, seq, hash }, { event: 'audit.head', ...audit.head() })
  await audit.close()
})

test('a closed trail takes no records', async ({ place }) => {
  const audit = await place.start()
  await audit.close()
  assert.is(await codeOf(audit.record(entry)), 'audit_failed')
})

test('on a full disk changes are refused, logins go to the journal, and the chain goes on when there is room', async ({
  place,
}) => {
  const mount = join(place.directory, 'small')
  fs.mkdirSync(mount, { mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', mount])
  try {
    const small = createPlace(mount)
    const audit = await small.start()
    await write(audit, 3)
    const ballast = join(mount, 'ballast')
    assert.throws(() => fs.writeFileSync(ballast, Buffer.alloc(1 << 20)), /ENOSPC/)
    let outcome = 'resolved'
    for (let i = 0; i < 50 && outcome === 'resolved'; i++) outcome = await codeOf(audit.record(entry))
    assert.is(outcome, 'storage_full')
    const whole = linesOf(small.file).length
    assert.ok(fs.readFileSync(small.file, 'utf8').endsWith('\n'), 'no half line is left')
    await audit.note({ event: 'login.accepted', user: 'alice\u001b[2J', outcome: 'ok' })
    assert.match(small.journal[0] ?? '', /^\{"time".*"login\.accepted","user":"alice\\u001b\[2J"/)
    fs.rmSync(ballast)
    await audit.record(entry)
    await audit.close()
    assert.equal(eventsOf(small.file).slice(whole), ['audit.resumed', 'session.revoke'])
    assert.is(JSON.parse(linesOf(small.file)[whole] ?? '').detail.journalled, 1)
    assert.is(verifyAuditFile(linesOf(small.file), EMPTY_HEAD).ok, true)
  } finally {
    execFileSync('umount', ['-l', mount])
  }
})

test.run()
