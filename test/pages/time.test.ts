/** Instants as people read them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderTime } from '../../server/pages/time.ts'

const test = suite('pages/time')

const cases: [given: string, expected: string][] = [
  ['2026-08-03T09:14:07.120Z', '<time datetime="2026-08-03T09:14:07.120Z">3 Aug 2026, 09:14 UTC</time>'],
  ['2025-12-31T23:59:59-02:00', '<time datetime="2026-01-01T01:59:59.000Z">1 Jan 2026, 01:59 UTC</time>'],
  ['<never>', '&lt;never&gt;'],
]

for (const [given, expected] of cases)
  test(`shows ${given} as ${expected}`, () => {
    assert.is(renderTime(given).toString().replaceAll('\u{a0}', ' '), expected)
  })

test.run()
