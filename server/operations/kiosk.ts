/** The kiosk: the machine's own screen, whose browser is logged in by itself. */
import * as z from 'zod'
import { operation } from './operation.ts'

export const kioskOperations = {
  'kiosk.status': operation({
    summary: "Tells the kiosk's own account whether its browser is logged in, and whether there is a ticket for it.",
    http: 'GET /kiosk',
    access: 'public',
    input: z.strictObject({}),
    output: z.object({
      user: z.string(),
      ticket: z.boolean().describe('an unspent ticket lies in the runtime directory, under kiosk/ and the name'),
      session: z.enum(['none', 'active', 'ended']).describe('the one that the last spent ticket began'),
      waiting: z.boolean().describe('the browser was shown a page that only a new login gets it off'),
    }),
    refuses: ['not_found'],
  }),
  'kiosk.wait': operation({
    summary: "Notes that the kiosk's browser was shown the page that waits for a new login.",
    http: null,
    access: 'public',
    input: z.strictObject({}),
    output: z.object({}),
    refuses: ['not_found'],
  }),
}
