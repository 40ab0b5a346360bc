/** The OpenAPI document: well formed, whole, and telling what the table says. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeApi } from '../../server/operations/openapi.ts'
import type { AnyOperation } from '../../server/operations/operation.ts'
import { table } from '../../server/operations/table.ts'

const test = suite('operations/openapi')

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security: readonly Record<string, unknown>[]
  readonly parameters: readonly { name: string; in: string; required: boolean; schema: object }[]
  readonly requestBody?: { required: boolean; content: Record<string, { schema: object }> }
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>
}

interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, object>; readonly securitySchemes: Record<string, object> }
}

const document = JSON.parse(JSON.stringify(describeApi('/postern/v1'))) as Document

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

/** Every object of the document with the path that leads to it. */
function* walk(value: unknown, at = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [at, value as Record<string, unknown>]
  for (const [name, inner] of Object.entries(value)) yield* walk(inner, `${at}/${name}`)
}

function resolve(reference: string): unknown {
  return reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document)
}

test('it is OpenAPI 3.1 with the members that it must have', () => {
  assert.match(document.openapi, /^3\.1\.\d$/)
  assert.type(document.info.title, 'string')
  assert.type(document.info.version, 'string')
  assert.is(document.servers[0]?.url, '/postern/v1')
  const members = ['openapi', 'info', 'servers', 'tags', 'paths', 'components']
  assert.equal(Object.keys(document).sort(), members.sort())
})

test('every operation with a route is in it once, and nothing else', () => {
  const expected = Object.entries<AnyOperation>(table).flatMap(([name, { http }]) =>
    http === null ? [] : [[http, name]],
  )
  const found = operations.map(({ path, method, operation }) => [
    `${method.toUpperCase()} ${path}`,
    operation.operationId,
  ])
  assert.equal(found.sort(), expected.sort())
})

test('every operation has a summary, a declared tag, and an answer of 200', () => {
  const tags = document.tags.map(({ name }) => name)
  assert.is(new Set(tags).size, tags.length)
  for (const { operation } of operations) {
    assert.ok(operation.summary.length > 0)
    for (const tag of operation.tags) assert.ok(tags.includes(tag), tag)
    assert.ok('200' in operation.responses)
  }
})

test('the parameters of every path are declared, required and no others', () => {
  for (const { path, operation } of operations) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const declared = operation.parameters.filter(one => one.in === 'path')
    assert.equal(declared.map(({ name }) => name).sort(), wanted.sort(), path)
    for (const one of declared) assert.is(one.required, true, path)
  }
})

test('every parameter is in the path or the query, once, with a schema', () => {
  for (const { path, operation } of operations) {
    const keys = operation.parameters.map(one => `${one.in} ${one.name}`)
    assert.is(new Set(keys).size, keys.length, path)
    for (const one of operation.parameters) {
      assert.ok(['path', 'query'].includes(one.in), path)
      assert.type(one.schema, 'object')
    }
  }
})

test('GET and DELETE have no body, the others take JSON', () => {
  for (const { path, method, operation } of operations) {
    const takesBody = method !== 'get' && method !== 'delete'
    assert.is(operation.requestBody !== undefined, takesBody, path)
    if (operation.requestBody) assert.equal(Object.keys(operation.requestBody.content), ['application/json'])
  }
})

test('a body is required where a member of it is', () => {
  for (const { operation } of operations) {
    const schema = operation.requestBody?.content['application/json']?.schema as { required?: string[] } | undefined
    if (schema) assert.is(operation.requestBody?.required, (schema.required ?? []).length > 0, operation.operationId)
  }
})

test('every response has a description and every refusal is a problem', () => {
  for (const { path, operation } of operations)
    for (const [status, { description, content = {} }] of Object.entries(operation.responses)) {
      assert.match(status, /^[1-5]\d\d$/)
      assert.ok(description.length > 0, path)
      const type = status === '200' ? 'application/json' : 'application/problem+json'
      assert.equal(Object.keys(content), [type], `${path} ${status}`)
    }
})

test('what needs a session tells of 401, what needs a permission of 403, what is public of neither scheme', () => {
  const entries: Readonly<Record<string, AnyOperation>> = table
  for (const { operation } of operations) {
    const access = entries[operation.operationId]?.access
    assert.is(operation.security.length === 0, access === 'public', operation.operationId)
    if (access !== 'public') assert.ok('401' in operation.responses, operation.operationId)
    if (typeof access === 'object') assert.ok('403' in operation.responses, operation.operationId)
  }
})

test('every security scheme that is asked for is there', () => {
  for (const { operation } of operations)
    for (const scheme of operation.security.flatMap(one => Object.keys(one)))
      assert.ok(Object.hasOwn(document.components.securitySchemes, scheme), scheme)
})

test('every reference leads somewhere', () => {
  let count = 0
  for (const [at, { $ref: reference }] of walk(document)) {
    if (reference === undefined) continue
    count += 1
    assert.match(String(reference), /^#\/components\/schemas\/[A-Za-z]+$/, at)
    assert.type(resolve(String(reference)), 'object')
  }
  assert.ok(count > 10)
})

test('every component is used', () => {
  const text = JSON.stringify(document)
  for (const name of Object.keys(document.components.schemas)) assert.match(text, `"#/components/schemas/${name}"`)
})

test('no schema names its dialect, its id or its own definitions', () => {
  for (const [at, value] of walk(document))
    for (const member of ['$schema', '$defs', '$id', 'definitions']) assert.not.ok(member in value, `${at} ${member}`)
  for (const [name, schema] of Object.entries(document.components.schemas)) assert.not.ok('id' in schema, name)
})

test('every required member of a schema is one of its properties', () => {
  for (const [at, { required, properties }] of walk(document))
    if (Array.isArray(required) && typeof properties === 'object' && properties !== null)
      for (const member of required) assert.ok(Object.hasOwn(properties, String(member)), `${at} ${member}`)
})

test('every type is one of JSON Schema’s', () => {
  const types = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']
  for (const [at, { type }] of walk(document.paths)) {
    const isHeader = at.includes('securitySchemes')
    if (typeof type === 'string' && !isHeader) assert.ok(types.includes(type), `${at} ${type}`)
  }
})

test('inputs say that they take no other members, outputs do not', () => {
  for (const { operation } of operations) {
    const body = operation.requestBody?.content['application/json']?.schema as { additionalProperties?: boolean }
    if (body) assert.is(body.additionalProperties, false, operation.operationId)
  }
  for (const [name, schema] of Object.entries(document.components.schemas))
    assert.is.not((schema as { additionalProperties?: boolean }).additionalProperties, false, name)
})

test('a login tells what a 401 carries when it goes on', () => {
  const responses = document.paths['/login']?.post?.responses ?? {}
  const text = JSON.stringify(responses['401'])
  assert.match(text, 'login_continues')
  assert.match(text, 'conversation')
  assert.match(JSON.stringify(responses['429']), 'retry_after')
})

test.run()
