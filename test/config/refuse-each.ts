/** Tables of faulty configurations: what a case says, and the tests that make each of it. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatFaults } from '../../server/config/fault.ts'
import { briefly, faultsOf, loadText } from './directory.ts'

/** A secret that no message may show. */
export const secret = 'hunter2hunter2'

/** The text has exactly these faults, in this order. */
export interface FaultCase {
  readonly name: string
  readonly text: string
  readonly expect: string[]
  readonly hint?: string
}

/** Adds one test for each case of the table. */
export function refuseEach(test: Test, table: readonly FaultCase[]): void {
  for (const { name, text, expect, hint } of table) {
    test(`refuses ${name}`, async () => {
      const faults = faultsOf(await loadText(text))
      const seen = faults
        .map(briefly)
        .map((line, at) => (expect[at]?.startsWith('1:* ') ? line.replace(/^1:\d+/, '1:*') : line))
      assert.equal(seen, expect)
      if (hint) assert.is(faults[0]?.hint, hint)
      assert.not.match(formatFaults(faults), secret)
    })
  }
}
