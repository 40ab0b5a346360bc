/** Lines and their chain: what tampering is found, and where. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type AuditEntry,
  type AuditHead,
  EMPTY_HEAD,
  formatLine,
  hashLine,
  LONGEST_LINE,
} from '../../../server/keeper/audit/line.ts'
import { verifyAuditFile } from '../../../server/keeper/audit/verify.ts'

const test = suite('audit verify')
const stamp = { time: '2026-01-02T03:04:05.678Z', boot: 'boot-1' }
const entry: AuditEntry = { event: 'login.refused', user: 'alice', outcome: 'refused', reason: 'wrong_password' }

function chain(length: number, from: AuditHead = EMPTY_HEAD): string[] {
  const lines: string[] = []
  let head = from
  for (let i = 0; i < length; i++) {
    const line = formatLine({ ...entry, detail: { i } }, stamp, head)
    head = { seq: head.seq + 1, hash: hashLine(line) }
    lines.push(line)
  }
  return lines
}

test('a line has its members in a fixed order', () => {
  const all: AuditEntry = {
    ...entry,
    identity: '7',
    source: 'ip:192.0.2.1',
    session: 's',
    detail: { a: 1 },
  }
  assert.equal(Object.keys(JSON.parse(formatLine(all, stamp, EMPTY_HEAD))), [
    ...['seq', 'time', 'boot', 'event', 'user', 'identity', 'source', 'session', 'outcome', 'reason', 'detail', 'prev'],
  ])
})

test('the longest entry is within the longest line', () => {
  const text = '\u202e'.repeat(100_000)
  const detail = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}${text}`, text]))
  const big: AuditEntry = {
    ...entry,
    event: text,
    user: text,
    identity: text,
    source: text,
    session: text,
    reason: text,
    detail,
  }
  const line = formatLine(big, stamp, EMPTY_HEAD)
  assert.ok(Buffer.byteLength(line) < LONGEST_LINE)
  assert.is(verifyAuditFile([line]).ok, true)
})

test('a chain verifies, from the start, from its predecessor, or from its first line', () => {
  const lines = chain(5)
  const last = { seq: 5, hash: hashLine(lines.at(-1) ?? '') }
  assert.equal(verifyAuditFile(lines, EMPTY_HEAD), { ok: true, head: last, gaps: [] })
  assert.equal(verifyAuditFile(lines.slice(3)), { ok: true, head: last, gaps: [] })
  assert.equal(verifyAuditFile(chain(2, last), last).ok, true)
  assert.equal(verifyAuditFile([]), { ok: true, head: null, gaps: [] })
})

const tampering: { name: string; tamper: (lines: string[]) => string[]; expect: object }[] = [
  {
    name: 'a changed member is found at the next line',
    tamper: lines => lines.with(2, (lines[2] ?? '').replace('alice', 'mallory')),
    expect: { ok: false, seq: 4, line: 4, flaw: 'altered' },
  },
  {
    name: 'a line taken out is found where it should be',
    tamper: lines => lines.toSpliced(2, 1),
    expect: { ok: false, seq: 3, line: 3, flaw: 'missing' },
  },
  {
    name: 'lines exchanged are found',
    tamper: lines => [...lines.slice(0, 2), lines[3] ?? '', lines[2] ?? '', ...lines.slice(4)],
    expect: { ok: false, seq: 3, line: 3, flaw: 'missing' },
  },
  {
    name: 'a line twice is found',
    tamper: lines => lines.toSpliced(2, 0, lines[1] ?? ''),
    expect: { ok: false, seq: 3, line: 3, flaw: 'altered' },
  },
  {
    name: 'a line renumbered over a missing one is found by its hash',
    tamper: lines => lines.toSpliced(2, 1).with(2, (lines[3] ?? '').replace('"seq":4', '"seq":3')),
    expect: { ok: false, seq: 3, line: 3, flaw: 'altered' },
  },
  {
    name: 'text that is no line is found',
    tamper: lines => lines.with(4, '{"seq":5'),
    expect: { ok: false, seq: 5, line: 5, flaw: 'unreadable' },
  },
  {
    name: 'a foreign beginning is found',
    tamper: lines => lines.slice(1),
    expect: { ok: false, seq: 1, line: 1, flaw: 'missing' },
  },
]

for (const { name, tamper, expect } of tampering) {
  test(name, () => assert.equal(verifyAuditFile(tamper(chain(6)), EMPTY_HEAD), expect))
}

test('a change of the last line is found with the head alone', () => {
  const lines = chain(3)
  const changed = verifyAuditFile(lines.with(2, (lines[2] ?? '').replace('alice', 'mallory')), EMPTY_HEAD)
  assert.ok(changed.ok && changed.head?.hash !== hashLine(lines[2] ?? ''))
})

test('a recorded gap may jump ahead, and is told', () => {
  const lines = chain(2)
  const gap = formatLine({ event: 'audit.gap', outcome: 'failed' }, stamp, { seq: 9, hash: hashLine(lines[1] ?? '') })
  const verified = verifyAuditFile([...lines, gap], EMPTY_HEAD)
  assert.ok(verified.ok)
  assert.equal(verified.gaps, [10])
  const back = formatLine({ event: 'audit.gap', outcome: 'failed' }, stamp, { seq: 0, hash: hashLine(lines[1] ?? '') })
  assert.is(verifyAuditFile([...lines, back], EMPTY_HEAD).ok, false)
})

test.run()
