/** Login: a conversation of one step or more that ends in a session, and its renewal. */
import * as z from 'zod'
import { operation } from './operation.ts'
import { session } from './session.ts'

export const prompt = z
  .object({
    kind: z
      .enum(['secret', 'text', 'info', 'error'])
      .describe('secret and text want an answer, info and error are to be shown'),
    text: z.string(),
  })
  .meta({ id: 'Prompt' })

export const tokens = z
  .object({
    access_token: z.string().nullable().describe('null where it went into a cookie'),
    refresh_token: z.string().nullable().describe('null for a cookie session'),
    token_type: z.literal('Bearer'),
    expires_in: z.int().describe('seconds until the access token ends'),
    session,
  })
  .meta({ id: 'Tokens' })

const conversation = z.object({ conversation: z.string(), prompts: z.array(prompt) })
const retryAfter = z.object({ retry_after: z.int().describe('seconds') })

/** How long a bearer of bad news may be asked to wait, and what a login's next step carries. */
const more = { login_continues: conversation, throttled: retryAfter, busy: retryAfter }

const secret = z.string().max(4096)

/** Eight of them, with all the rest, must fit a cookie of 4096 bytes: one byte for each character. */
const audience = z
  .string()
  .max(256)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'printable ASCII without spaces, quotes and backslashes is expected' })

export const loginOperations = {
  'login.begin': operation({
    summary: 'Begins a login; a password-only login is done with this one step.',
    http: 'POST /login',
    access: 'public',
    input: z.strictObject({
      user: z.string().min(1).max(1024),
      password: secret.optional().describe('answers the first secret prompt'),
      code: secret.optional().describe('answers the prompt after the password'),
      cookie: z.boolean().optional().describe('for a browser: the token comes as an HTTP-only cookie'),
      expires_seconds: z.int().min(1).optional().describe('lifetime of the access token; at most `token.max_seconds`'),
      audience: z.array(audience).max(8).optional().describe('further `aud` of the token'),
    }),
    output: tokens,
    refuses: ['login_failed', 'login_continues', 'throttled', 'busy'],
    more,
    audit: 'always',
  }),
  'login.answer': operation({
    summary: 'Answers the prompts of a login that continues.',
    http: 'POST /login/answer',
    access: 'public',
    input: z.strictObject({
      conversation: z.string().max(64),
      answers: z.array(secret).max(32).describe('one for each secret or text prompt, in order'),
    }),
    output: tokens,
    refuses: ['login_failed', 'login_continues', 'throttled', 'busy'],
    more,
    audit: 'always',
  }),
  'login.refresh': operation({
    summary: 'Trades a refresh token for a new pair of tokens.',
    http: 'POST /refresh',
    access: 'public',
    input: z.strictObject({ refresh_token: z.string().max(256) }),
    output: tokens,
    refuses: ['refresh_failed'],
    audit: 'refusals',
  }),
}
