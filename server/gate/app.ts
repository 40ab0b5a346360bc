/** The order of middleware and routes. */
import { Hono } from 'hono'
import type { Log } from '../link/log.ts'
import { no } from '../operations/operation.ts'
import { enter } from './enter.ts'
import { addEventRoute } from './event/route.ts'
import type { Gate, GateEnv } from './gate.ts'
import { addNativeRoutes } from './native.ts'
import { addPages } from './page.ts'
import { addPublicRoutes } from './public.ts'
import { respondRefusal } from './respond.ts'

/** Builds the app. Unknown faults say nothing to the client and everything to the log. */
export function createApp(gate: Gate, log: Log): Hono<GateEnv> {
  const app = new Hono<GateEnv>()
  app.use(enter(gate))
  addPublicRoutes(app, gate)
  addNativeRoutes(app, gate)
  addEventRoute(app)
  addPages(app, gate)
  app.notFound(c => respondRefusal(no('not_found', 'there is nothing here'), c.env.incoming))
  app.onError((fault, c) => {
    log('error', 'a request broke', { path: c.req.path, fault: fault.stack ?? String(fault) })
    return respondRefusal(no('unavailable', 'something broke; the journal says more'), c.env.incoming)
  })
  return app
}
