/** The trail when its file is rotated: one chain over all files, also after a crash or on a full disk. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AuditHead, EMPTY_HEAD, formatLine } from '../../../server/keeper/audit/line.ts'
import { rotatedName } from '../../../server/keeper/audit/rotation.ts'
import { verifyAuditFile } from '../../../server/keeper/audit/verify.ts'
import { codeOf, createPlace, entry, eventsOf, lastOf, linesOf, type Place, run } from './place.ts'

const test = suite<{ place: Place }>('audit trail rotation')

test.before.each(context => {
  context.place = createPlace(fs.mkdtempSync(join(tmpdir(), 'postern-audit-')))
})

test.after.each(({ place }) => fs.rmSync(place.directory, { recursive: true, force: true }))

test('a new file opens with its predecessor’s head, and the files are one chain', async ({ place }) => {
  await run(place, 30, 2000)
  const older = fs
    .readdirSync(place.directory)
    .filter(name => /^audit\.log\.\d{12}-[0-9a-f]{8}$/.test(name))
    .sort()
  assert.ok(older.length >= 3)
  let head: AuditHead | null = EMPTY_HEAD
  for (const name of [...older, 'audit.log']) {
    const lines = linesOf(join(place.directory, name))
    const first = JSON.parse(lines[0] ?? '')
    if (name !== older[0])
      assert.equal([first.event, first.prev, first.detail.previous_seq], ['audit.rotated', head?.hash, head?.seq])
    const verified = verifyAuditFile(lines, head)
    assert.ok(verified.ok)
    head = verified.ok ? verified.head : null
  }
  assert.equal(place.heads.head, head)
  assert.is(fs.existsSync(`${place.file}.next`), false)
})

test('a crash between the two names of a rotation is no gap', async ({ place }) => {
  await run(place, 10)
  const before = place.heads.head ?? EMPTY_HEAD
  const full = fs.readFileSync(place.file)
  await run(place, 0)
  const rotated = await place.start(1)
  await rotated.record(entry)
  await rotated.close()
  fs.writeFileSync(`${place.file}.next`, `${linesOf(place.file)[0]}\n`, { mode: 0o600 })
  fs.rmSync(place.file)
  assert.equal(fs.readFileSync(rotatedName(place.file, before)), full)
  place.heads.head = before
  await run(place, 1)
  assert.equal(eventsOf(place.file), ['audit.rotated', 'session.revoke'])
  assert.is(verifyAuditFile(linesOf(place.file), before).ok, true)
})

test('what a rotation left that did not begin is cleared away', async ({ place }) => {
  await run(place, 2)
  fs.writeFileSync(`${place.file}.next`, '{"seq":3', { mode: 0o600 })
  await run(place, 1)
  assert.equal(fs.readdirSync(place.directory), ['audit.log'])
  assert.equal(eventsOf(place.file), ['session.revoke', 'session.revoke', 'session.revoke'])
})

test('what a rotation left does not replace a file that is there', async ({ place }) => {
  await run(place, 2)
  const head = place.heads.head ?? EMPTY_HEAD
  const next = formatLine({ event: 'audit.rotated', outcome: 'ok' }, { time: '', boot: '' }, head)
  fs.writeFileSync(`${place.file}.next`, `${next}\n`, { mode: 0o600 })
  await run(place, 1)
  assert.equal(eventsOf(place.file), ['session.revoke', 'session.revoke', 'session.revoke'])
})

test('a foreign file does not pass for what a rotation left', async ({ place }) => {
  await run(place, 2)
  const next = formatLine({ event: 'audit.rotated', outcome: 'ok' }, { time: '', boot: '' }, EMPTY_HEAD)
  fs.writeFileSync(`${place.file}.next`, `${next}\n`, { mode: 0o600 })
  fs.rmSync(place.file)
  await run(place, 0)
  assert.equal([eventsOf(place.file), lastOf(place.file).reason], [['audit.gap'], 'missing'])
})

test('no file is begun while the store cannot be told where the old one ends', async ({ place }) => {
  const audit = await place.start(1)
  place.heads.save = async () => Promise.reject(new Error('store is broken'))
  await audit.record(entry)
  assert.is(await codeOf(audit.record(entry)), 'audit_failed')
  await audit.close()
  assert.equal(fs.readdirSync(place.directory), ['audit.log'])
})

test('a rotation that finds no room leaves the old file in place', async ({ place }) => {
  const mount = join(place.directory, 'small')
  fs.mkdirSync(mount, { mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', mount])
  try {
    const small = createPlace(mount)
    await run(small, 5)
    assert.throws(() => fs.writeFileSync(join(mount, 'ballast'), Buffer.alloc(1 << 20)), /ENOSPC/)
    const audit = await small.start(1)
    assert.is(await codeOf(audit.record(entry)), 'storage_full')
    fs.rmSync(join(mount, 'ballast'))
    await audit.record(entry)
    await audit.close()
    assert.equal(eventsOf(small.file).slice(0, 2), ['audit.rotated', 'session.revoke'])
    assert.is(fs.existsSync(`${small.file}.next`), false)
  } finally {
    execFileSync('umount', ['-l', mount])
  }
})

test.run()
