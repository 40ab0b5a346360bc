/** The keys that sign tokens: what is in use, and rotation with overlap. */
import * as z from 'zod'
import { listOf, page, time } from './list.ts'
import { operation } from './operation.ts'

export const signingKey = z
  .object({
    kid: z.string(),
    algorithm: z.string(),
    created_at: time.nullable().describe('null for a shared secret: the configuration holds it'),
    active: z.boolean().describe('signs new tokens; the others only verify until the last token they signed has ended'),
  })
  .meta({ id: 'SigningKey' })

export const signingOperations = {
  'signing.list': operation({
    summary: 'Lists the signing keys.',
    http: 'GET /signing',
    access: { permission: 'signing.read' },
    input: z.strictObject({ ...page }),
    output: listOf(signingKey),
    refuses: [],
  }),
  'signing.rotate': operation({
    summary: 'Makes a new signing key; the former ones verify until their last token has ended.',
    http: 'POST /signing/rotate',
    access: { permission: 'signing.manage', max_auth_age_seconds: 900 },
    input: z.strictObject({}),
    output: signingKey,
    refuses: ['conflict'],
    audit: 'always',
  }),
}
