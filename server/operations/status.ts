/** What the daemon says of itself. */
import * as z from 'zod'
import { operation } from './operation.ts'

export const statusOperations = {
  status: operation({
    summary: 'Says how the daemon is.',
    http: 'GET /status',
    access: { permission: 'status.read' },
    input: z.strictObject({}),
    output: z.object({
      version: z.string(),
      uptime_seconds: z.int(),
      gates: z.array(z.object({ pid: z.int(), connected_seconds: z.int() })),
      listeners: z.array(z.string()),
      sessions: z.int(),
      logins_in_progress: z.int(),
      insecure: z.array(z.string()).describe('switches in force that weaken safety'),
    }),
    refuses: [],
  }),
}
