/** Sessions: who is signed in, since when, from where, and how it ends. */
import * as z from 'zod'
import { listOf, page, time } from './list.ts'
import { operation } from './operation.ts'

export const sessionId = z.string().regex(/^[A-Za-z0-9_-]{22}$/)

export const user = z
  .object({
    id: z.string().describe("the identity's number in decimal, the token's `sub`"),
    name: z.string(),
    realm: z.enum(['pam', 'local']),
  })
  .meta({ id: 'User' })

export const session = z
  .object({
    id: sessionId,
    kind: z
      .enum(['token', 'cookie', 'root'])
      .describe('what holds it: access and refresh token, a browser, the token file'),
    user,
    created_at: time,
    last_used_at: time,
    expires_at: time,
    source: z.string().describe('where the login came from'),
    agent: z.string().nullable().describe('the program that logged in, as it calls itself'),
    current: z.boolean().describe('the one that asks'),
  })
  .meta({ id: 'Session' })

export const current = z
  .object({ user, roles: z.array(z.string()), permissions: z.array(z.string()), session })
  .meta({ id: 'Current' })

export const sessionOperations = {
  'session.current': operation({
    summary: 'Says who you are and what you may do.',
    http: 'GET /me',
    access: 'session',
    input: z.strictObject({}),
    output: current,
    refuses: [],
  }),
  'session.resolve': operation({
    summary: 'Tells a gate what the session behind a token may do, and counts as a use of it.',
    http: null,
    access: 'session',
    input: z.strictObject({}),
    output: z.object({
      current,
      valid_ms: z.int().describe('for how long this may be remembered'),
      bound_uid: z.int().nullable().describe('the only uid whose connections may use it'),
      local_only: z.boolean(),
    }),
    refuses: [],
  }),
  'session.end': operation({
    summary: 'Logs out: ends the session that asks.',
    http: 'POST /logout',
    access: 'session',
    input: z.strictObject({}),
    output: z.object({}),
    refuses: [],
    audit: 'always',
  }),
  'session.list': operation({
    summary: "Lists your sessions; with `session.read` or `session.manage` also another's or everyone's.",
    http: 'GET /sessions',
    access: 'session',
    input: z.strictObject({
      user: z.string().max(256).optional().describe('whose, by name'),
      everyone: z.boolean().optional(),
      ...page,
    }),
    output: listOf(session),
    refuses: [],
  }),
  'session.revoke': operation({
    summary: "Ends one session: yours, or with `session.manage` anybody's.",
    http: 'DELETE /sessions/{id}',
    access: 'session',
    input: z.strictObject({ id: sessionId }),
    output: z.object({}),
    refuses: ['not_found'],
    audit: 'always',
    trail: ['id'],
  }),
  'session.revoke_all': operation({
    summary: "Ends all your sessions; with `session.manage` another user's.",
    http: 'POST /sessions/revoke',
    access: 'session',
    input: z.strictObject({
      user: z.string().max(256).optional().describe('whose, by name; yours when left out'),
      others: z.boolean().optional().describe('all but the one that asks'),
    }),
    output: z.object({ revoked: z.int() }),
    refuses: [],
    audit: 'always',
    trail: ['user', 'others'],
  }),
}
