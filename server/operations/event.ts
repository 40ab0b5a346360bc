/** Events: what happens, as it is told over the WebSocket at /postern/v1/events. */
import * as z from 'zod'
import { time } from './list.ts'
import { operation } from './operation.ts'
import { sessionId, user } from './session.ts'

export const eventId = z
  .string()
  .regex(/^[0-9a-f]{8}-\d{1,15}$/)
  .meta({ description: 'says which run of the daemon, and its how manieth event: for `since`, else opaque' })

const common = { id: eventId, time }

export const sessionEvent = z
  .object({
    ...common,
    kind: z.literal('session'),
    action: z.enum(['began', 'ended']),
    session: sessionId,
    session_kind: z.enum(['token', 'cookie', 'root']),
    user,
    source: z.string().describe('where the login came from'),
  })
  .meta({ id: 'SessionEvent', description: 'For whose session it is, and those with `session.read`.' })

export const loginEvent = z
  .object({
    ...common,
    kind: z.literal('login'),
    action: z.enum(['ok', 'refused']),
    user: user.nullable().describe('null for a name that nobody here has'),
    session: sessionId.nullable().describe('the one that it began'),
    source: z.string(),
  })
  .meta({ id: 'LoginEvent', description: 'For whom it was tried as, and those with `session.read`.' })

export const throttleEvent = z
  .object({
    ...common,
    kind: z.literal('throttle'),
    action: z.enum(['blocked', 'cleared']),
    source: z.string().nullable().describe('null where all were cleared'),
    account: z.string().nullable().describe('the account that was cleared'),
    failures: z.int(),
    retry_after: z.int().describe('seconds'),
  })
  .meta({ id: 'ThrottleEvent', description: 'For those with `throttle.read`.' })

export const configEvent = z
  .object({
    ...common,
    kind: z.literal('config'),
    action: z.enum(['reloaded', 'refused']),
    restart_needed: z.array(z.string()).describe('changed keys that wait for a restart'),
  })
  .meta({ id: 'ConfigEvent', description: 'For those with `status.read`.' })

export const event = z.union([sessionEvent, loginEvent, throttleEvent, configEvent]).meta({ id: 'Event' })

export type Event = z.output<typeof event>

/** What a stream begins with, and says again when it had to begin anew. */
export const readyMessage = z
  .object({
    id: eventId.describe('events after this one follow'),
    time,
    kind: z.literal('ready'),
    missed: z.boolean().describe('there were events before it that nobody has kept'),
  })
  .meta({ id: 'Ready', description: 'The first message of a stream.' })

export type ReadyMessage = z.output<typeof readyMessage>

/** How long a ticket for the stream is good, in seconds. */
export const eventTicketSeconds = 30

const secret = z.string().min(1).max(128)

export const eventOperations = {
  'event.ticket': operation({
    summary: 'Makes a one-time ticket for `/events?ticket=`: for those who can send no header with a WebSocket.',
    http: 'POST /events/ticket',
    access: 'session',
    input: z.strictObject({}),
    output: z.object({
      ticket: z.string().describe(`good for one stream, within ${eventTicketSeconds} s`),
      expires_at: time,
    }),
    refuses: [],
    audit: 'always',
  }),
  'event.subscribe': operation({
    summary: 'Tells what happened since, and what of the events to come a session or a ticket may hear.',
    http: null,
    access: 'public',
    input: z.strictObject({
      since: eventId.optional(),
      ticket: secret.optional().describe('spent by this'),
      handle: secret.optional().describe('what a spent ticket was answered with'),
    }),
    output: z.object({
      from: eventId.describe('`events` are those after this one'),
      head: eventId.describe('the newest there is'),
      events: z.array(event),
      channels: z.array(z.string()).describe('what is pushed to one of these is for this subscriber'),
      session: sessionId,
      identity: z.string(),
      valid_ms: z.int().describe('when to ask again'),
      handle: z.string().nullable(),
    }),
    refuses: [],
  }),
}
