/** Whether other machines are served. */
import * as z from 'zod'
import { operation } from './operation.ts'

export const remoteOperations = {
  'remote.switch': operation({
    summary: 'Serves other machines over HTTPS, or no longer; kept in a drop-in of the configuration.',
    http: 'POST /remote',
    access: { permission: 'config.manage', max_auth_age_seconds: 900 },
    input: z.strictObject({ on: z.boolean() }),
    output: z.object({
      on: z.boolean().describe('what is in force now'),
      file: z.string().describe('the drop-in that says so'),
      urls: z.array(z.string()).describe('where other machines find it'),
      fingerprint: z.string().nullable().describe("of the certificate's key"),
    }),
    refuses: ['conflict'],
    audit: 'always',
    trail: ['on'],
  }),
}
