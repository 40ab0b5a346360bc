/** The OpenAPI 3.1 document of the native API, made from the table. */
import * as z from 'zod'
import type { AnyOperation } from './operation.ts'
import { commonReasons, type Reason, reasons } from './reason.ts'
import { table } from './table.ts'
import { version } from './version.ts'

type Schema = { [member: string]: unknown }

/** Components gathered while schemas are converted. */
type Components = Record<string, Schema>

/** A schema as JSON Schema, its named parts moved to the components. */
function toSchema(schema: z.ZodType, components: Components): Schema {
  const {
    $schema: _dialect,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, { io: 'input' }) as Schema & { $defs?: Components }
  for (const [name, { $schema: _nested, ...part }] of Object.entries($defs)) components[name] = relink(part) as Schema
  const { id, ...rest } = relink(own) as Schema
  if (typeof id !== 'string') return rest
  components[id] = rest
  return { $ref: `#/components/schemas/${id}` }
}

/** Points references at the components, and leaves out what only zod needs. */
function relink(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relink)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) =>
      name === '$ref' && typeof inner === 'string'
        ? [name, inner.replace('#/$defs/', '#/components/schemas/')]
        : [name, relink(inner)],
    ),
  )
}

function describeParameters(operation: AnyOperation, path: string, components: Components): Schema[] {
  const isQuery = isWithoutBody(operation)
  return Object.entries(operation.input.shape).flatMap(([name, field]) => {
    const isInPath = path.includes(`{${name}}`)
    if (!isInPath && !isQuery) return []
    const { description, ...schema } = toSchema(field as z.ZodType, components)
    const required = isInPath || !(field as z.ZodType).safeParse(undefined).success
    return [
      { name, in: isInPath ? 'path' : 'query', required, schema, ...(description !== undefined && { description }) },
    ]
  })
}

function isWithoutBody({ http }: AnyOperation): boolean {
  return http?.startsWith('GET ') === true || http?.startsWith('DELETE ') === true
}

/** What the operation refuses with, by status. */
function describeRefusals(operation: AnyOperation, components: Components): Schema {
  const isPublic = operation.access === 'public'
  const isPermitted = typeof operation.access === 'object'
  const common = commonReasons.filter(
    reason =>
      (!isPublic || reason !== 'unauthenticated') &&
      (isPermitted || (reason !== 'forbidden' && reason !== 'reauthentication_required')),
  )
  const byStatus = new Map<number, Reason[]>()
  for (const reason of new Set<Reason>([...operation.refuses, ...common])) {
    const { status } = reasons[reason]
    byStatus.set(status, [...(byStatus.get(status) ?? []), reason])
  }
  const rows = [...byStatus].map(([status, codes]) => {
    const more = codes.flatMap(code => operation.more?.[code] ?? []).map(schema => toSchema(schema, components))
    const problem = { $ref: '#/components/schemas/Problem' }
    const code = { type: 'object', properties: { code: { enum: codes } } }
    const schema = { allOf: [problem, code], ...(more.length > 0 && { anyOf: [...more, {}] }) }
    const description = codes.map(reason => reasons[reason].title).join('; ')
    return [String(status), { description, content: { 'application/problem+json': { schema } } }]
  })
  return Object.fromEntries(rows)
}

function describeOperation(name: string, operation: AnyOperation, path: string, components: Components): Schema {
  const { summary, access, input, output } = operation
  const body = toSchema(input.omit(pathMembers(input, path)), components)
  return {
    operationId: name,
    summary,
    tags: [name.split('.')[0]],
    security: access === 'public' ? [] : [{ bearer: [] }, { cookie: [] }],
    ...(typeof access === 'object' && { description: `Needs the permission \`${access.permission}\`.` }),
    parameters: describeParameters(operation, path, components),
    ...(!isWithoutBody(operation) && {
      requestBody: {
        required: (body.required as unknown[] | undefined)?.length !== undefined,
        content: { 'application/json': { schema: body } },
      },
    }),
    responses: {
      200: { description: 'done', content: { 'application/json': { schema: toSchema(output, components) } } },
      ...describeRefusals(operation, components),
    },
  }
}

function pathMembers(input: z.ZodObject, path: string): Record<string, true> {
  return Object.fromEntries(
    Object.keys(input.shape).flatMap(name => (path.includes(`{${name}}`) ? [[name, true]] : [])),
  )
}

const problemSchema = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'what programs tell problems apart by' },
  },
}

/** The document; `prefix` is where the API is served. */
export function describeApi(prefix: string): Schema {
  const components: Components = { Problem: problemSchema }
  const paths: Record<string, Schema> = {}
  for (const [name, operation] of Object.entries<AnyOperation>(table)) {
    const [method, path] = operation.http?.split(' ') ?? []
    if (method === undefined || path === undefined) continue
    const entry = describeOperation(name, operation, path, components)
    paths[path] = { ...paths[path], [method.toLowerCase()]: entry }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'postern',
      version,
      description: 'The local login daemon.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: prefix }],
    tags: [...new Set(Object.keys(table).map(name => name.split('.')[0]))].map(name => ({ name })),
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'postern-7640' },
      },
    },
  }
}
