/** The configuration in force. */
import * as z from 'zod'
import { operation } from './operation.ts'

export const configOperations = {
  'config.show': operation({
    summary: 'Shows the configuration in force and where each value comes from; secrets are left out.',
    http: 'GET /config',
    access: { permission: 'config.read' },
    input: z.strictObject({}),
    output: z.object({
      values: z.array(
        z.object({
          key: z.string(),
          value: z.unknown().describe('any JSON value'),
          from: z.string(),
          about: z.string(),
        }),
      ),
    }),
    refuses: [],
  }),
  'config.reload': operation({
    summary: 'Reads the configuration again; a faulty one is refused and the present one kept.',
    http: 'POST /config/reload',
    access: { permission: 'config.manage' },
    input: z.strictObject({}),
    output: z.object({ restart_needed: z.array(z.string()).describe('changed keys that wait for a restart') }),
    refuses: ['conflict'],
    audit: 'always',
  }),
}
