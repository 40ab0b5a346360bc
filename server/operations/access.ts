/** The question every gatekeeper asks: may the bearer of this token do that? */
import * as z from 'zod'
import { operation } from './operation.ts'
import { user } from './session.ts'

export const permissionName = z
  .string()
  .max(128)
  .regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/)

export const accessOperations = {
  'access.check': operation({
    summary: 'Answers 200 if the token is valid and holds the permission, 401 or 403 if not.',
    http: 'GET /check',
    access: 'session',
    input: z.strictObject({ permission: permissionName.optional() }),
    output: z.object({ user, permission: z.string().nullable() }),
    refuses: [],
  }),
}
