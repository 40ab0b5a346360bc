/** The throttle: which sources and accounts wait, and how root lets them go. */
import * as z from 'zod'
import { listOf, page, time } from './list.ts'
import { operation } from './operation.ts'

export const penalty = z
  .object({
    source: z.string().nullable().describe('null where an account is slowed, whatever the source'),
    account: z.string().nullable().describe('the account, or those that the source tried'),
    failures: z
      .int()
      .describe("a source's failed logins that still count; for an account, logins that wait their turn"),
    blocked_until: time.nullable(),
    retry_after: z.int().describe('seconds'),
  })
  .meta({ id: 'Penalty' })

export const throttleOperations = {
  'throttle.list': operation({
    summary: 'Lists the sources and accounts with failed logins that still count.',
    http: 'GET /throttle',
    access: { permission: 'throttle.read' },
    input: z.strictObject({ ...page }),
    output: listOf(penalty),
    refuses: [],
  }),
  'throttle.clear': operation({
    summary: 'Forgets the failed logins of a source, of an account, or all.',
    http: 'POST /throttle/clear',
    access: { permission: 'throttle.manage' },
    input: z.strictObject({ source: z.string().max(256).optional(), account: z.string().max(256).optional() }),
    output: z.object({ cleared: z.int() }),
    refuses: [],
    audit: 'always',
    trail: ['source', 'account'],
  }),
}
