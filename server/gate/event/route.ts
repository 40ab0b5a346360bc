/** What an ordinary request is told at the place of the stream of events. */
import type { Hono } from 'hono'
import { no } from '../../operations/operation.ts'
import type { GateEnv } from '../gate.ts'
import { prefix } from '../native.ts'
import { respondRefusal } from '../respond.ts'

/** Where the stream is. */
export const eventsPath = `${prefix}/events`

/** Adds the route (RFC 9110 §15.5.22). */
export function addEventRoute(app: Hono<GateEnv>): void {
  app.all(eventsPath, c => {
    const refusal = no('upgrade_required', 'events come over a WebSocket')
    const fields = { Upgrade: 'websocket', Connection: 'Upgrade', 'Referrer-Policy': 'no-referrer' }
    return respondRefusal(refusal, c.env.incoming, fields)
  })
}
