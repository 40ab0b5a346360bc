/** A folder for an audit trail, with a store of its head, a journal and a clock that a test moves. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type Audit, createAudit, type HeadStore } from '../../../server/keeper/audit/audit.ts'
import { AuditError } from '../../../server/keeper/audit/error.ts'
import type { AuditEntry, AuditHead } from '../../../server/keeper/audit/line.ts'
import { createFakeTime, type FakeTime } from '../throttle/fake-time.ts'

export interface Place {
  directory: string
  file: string
  heads: HeadStore & { head: AuditHead | null }
  journal: string[]
  time: FakeTime
  start(rotateBytes?: number): Promise<Audit>
}

export const entry: AuditEntry = { event: 'session.revoke', user: 'alice', outcome: 'ok' }

export function createPlace(directory: string): Place {
  const file = join(directory, 'audit.log')
  const time = createFakeTime()
  const journal: string[] = []
  const heads: Place['heads'] = {
    head: null,
    load: async () => heads.head,
    save: async head => {
      heads.head = head
    },
  }
  const start = (rotateBytes = 1 << 20) =>
    createAudit({ file, clock: time.clock, heads, journal: line => journal.push(line), rotateBytes })
  return { directory, file, heads, journal, time, start }
}

export const linesOf = (file: string) => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1)
export const eventsOf = (file: string): string[] => linesOf(file).map(line => JSON.parse(line).event)
export const lastOf = (file: string) => JSON.parse(linesOf(file).at(-1) ?? '{}')

export async function write(audit: Audit, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await audit.record({ ...entry, detail: { i } })
}

/** Starts the trail, writes so many records, stops it. */
export async function run(place: Place, count: number, rotateBytes?: number): Promise<void> {
  const audit = await place.start(rotateBytes)
  await write(audit, count)
  await audit.close()
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    fault => (fault instanceof AuditError ? fault.code : String(fault)),
  )
}
