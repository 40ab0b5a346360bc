/** What anybody may ask: a sign of life, the public keys, the descriptions of the API. */
import type { Hono } from 'hono'
import type { Gate, GateEnv } from './gate.ts'
import { prefix } from './native.ts'
import { respondJson } from './respond.ts'
import { dataHeaders } from './security-headers.ts'

/** Whether JSON is asked for by name: a wildcard is not enough. */
function acceptsJson(accept: string | undefined): boolean {
  return /(^|[\s,])application\/json\b/i.test(accept ?? '')
}

const pong = { ...dataHeaders, 'Content-Type': 'text/plain; charset=utf-8' }

/** Adds the public routes. */
export function addPublicRoutes(app: Hono<GateEnv>, gate: Gate): void {
  app.get('/ping', c =>
    acceptsJson(c.env.incoming.headers.accept)
      ? respondJson('{"status":"success"}')
      : new Response('pong', { headers: pong }),
  )
  app.get('/.well-known/jwks.json', () => respondJson(JSON.stringify(gate.state?.settings.jwks ?? { keys: [] })))
  let document: Promise<string> | null = null
  app.get(`${prefix}/openapi.json`, async () => {
    // The schemas are loaded by the first who asks: no other part of the gate needs them.
    document ??= import('../operations/openapi.ts').then(({ describeApi }) => JSON.stringify(describeApi(prefix)))
    return respondJson(await document)
  })
  let events: Promise<string> | null = null
  app.get(`${prefix}/asyncapi.json`, async () => {
    events ??= import('../operations/asyncapi.ts').then(({ describeEvents }) => JSON.stringify(describeEvents(prefix)))
    return respondJson(await events)
  })
}
