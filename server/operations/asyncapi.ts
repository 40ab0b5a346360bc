/** The AsyncAPI 3.0 document of the stream of events: the companion of the OpenAPI document. */
import * as z from 'zod'
import { configEvent, loginEvent, readyMessage, sessionEvent, throttleEvent } from './event.ts'
import { eventKinds } from './event-kind.ts'
import { version } from './version.ts'

type Schema = { [member: string]: unknown }

const messages = {
  ready: readyMessage,
  session: sessionEvent,
  login: loginEvent,
  throttle: throttleEvent,
  config: configEvent,
} as const

/** Puts a named schema and its named parts among the components; gives its name. */
function addSchema(schema: z.ZodType, components: Record<string, Schema>): string {
  const { $defs = {}, $ref, ...own } = z.toJSONSchema(schema, { io: 'input' }) as Schema
  const parts = Object.entries($defs as Record<string, Schema>)
  const isWhole = $ref === undefined
  for (const [name, part] of [...parts, ...(isWhole ? [[String(own.id), own] as const] : [])]) {
    const { $schema: _dialect, id: _id, ...rest } = part
    components[name] = relink(rest) as Schema
  }
  return isWhole ? String(own.id) : String($ref).replace('#/$defs/', '')
}

function relink(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relink)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === '$ref' && typeof inner === 'string' ? inner.replace('#/$defs/', '#/components/schemas/') : relink(inner),
    ]),
  )
}

const query = {
  type: 'object',
  additionalProperties: false,
  properties: {
    kinds: { type: 'string', description: `some of ${eventKinds.join(', ')}, with commas between; all when left out` },
    since: { type: 'string', description: 'the last `id` that was seen: what came after it is told first' },
    ticket: { type: 'string', description: 'of `POST /events/ticket`, instead of a token' },
  },
}

/** The document; `prefix` is where the API is served. */
export function describeEvents(prefix: string): Schema {
  const schemas: Record<string, Schema> = {}
  const described = Object.entries(messages).map(([name, schema]) => {
    const component = addSchema(schema, schemas)
    const payload = { $ref: `#/components/schemas/${component}` }
    const summary = schemas[component]?.description
    return [name, { name, contentType: 'application/json', summary, payload }] as const
  })
  const refs = described.map(([name]) => [name, { $ref: `#/components/messages/${name}` }] as const)
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'postern: events',
      version,
      description:
        'JSON messages over one WebSocket; clients say nothing. It is closed with 4401 when there is no session or it has ended, 4408 when too much was left unread, 1008 when the client talks, and 1001 when the daemon stops.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    defaultContentType: 'application/json',
    channels: {
      events: {
        address: `${prefix}/events`,
        messages: Object.fromEntries(refs),
        bindings: { ws: { method: 'GET', query, bindingVersion: '0.1.0' } },
      },
    },
    operations: {
      event: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        messages: described.map(([name]) => ({ $ref: `#/channels/events/messages/${name}` })),
        security: [{ $ref: '#/components/securitySchemes/bearer' }, { $ref: '#/components/securitySchemes/cookie' }],
      },
    },
    components: {
      schemas,
      messages: Object.fromEntries(described),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        cookie: { type: 'httpApiKey', in: 'cookie', name: 'postern-7640' },
      },
    },
  }
}
