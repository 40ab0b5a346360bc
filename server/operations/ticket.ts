/** Tickets: what a login link carries. Each is good for one login of one identity, by a browser of this machine. */
import * as z from 'zod'
import { time } from './list.ts'
import { tokens } from './login.ts'
import { operation } from './operation.ts'
import { user } from './session.ts'
import { maxTicketSeconds, usualTicketSeconds } from './ticket-life.ts'

const uid = z.int().min(0).max(0xffff_fffe)

export const ticketOperations = {
  'ticket.create': operation({
    summary:
      "Makes a one-time login link for a browser of this machine: yours, or with `ticket.manage` another user's.",
    http: 'POST /tickets',
    access: { permission: 'ticket.create' },
    input: z.strictObject({
      user: z.string().min(1).max(256).optional().describe('whose session it begins, by account name'),
      role: z.string().min(1).max(64).optional().describe('the session may do no more than this role'),
      uid: uid.optional().describe("only this uid's browser may use it"),
      ttl_seconds: z.int().min(1).max(maxTicketSeconds).optional().describe(`${usualTicketSeconds} when left out`),
    }),
    output: z.object({
      ticket: z.string().describe('for `GET /login?token=`'),
      user,
      role: z.string().nullable(),
      uid: uid.nullable(),
      expires_at: time,
    }),
    refuses: ['not_found', 'conflict'],
    audit: 'always',
    trail: ['user', 'role', 'uid', 'ttl_seconds'],
  }),
  'ticket.spend': operation({
    summary:
      "Trades a ticket, or root's token, for a browser's session; who would become somebody else by it must agree.",
    http: null,
    access: 'public',
    input: z.strictObject({
      ticket: z.string().min(1).max(4096),
      confirmed: z.boolean().optional().describe('who opened it agreed to become somebody else'),
    }),
    output: tokens,
    refuses: ['ticket_refused', 'not_local', 'somebody_else'],
    more: {
      somebody_else: z.object({ user: z.string().nullable().describe('who is signed in'), instead_of: z.string() }),
    },
    audit: 'always',
  }),
}
