/** The table of operations: what every entry keeps to. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import type { AnyOperation } from '../../server/operations/operation.ts'
import { commonReasons, reasons } from '../../server/operations/reason.ts'
import { describeRoutes } from '../../server/operations/route.ts'
import { findOperation, table } from '../../server/operations/table.ts'

const test = suite('operations/table')
const entries = Object.entries<AnyOperation>(table)

test('every name is a noun, or a noun and a verb', () => {
  for (const [name] of entries) assert.match(name, /^[a-z]+(\.[a-z]+(_[a-z]+)*)?$/)
})

test('every summary is one sentence', () => {
  for (const [name, { summary }] of entries) {
    assert.match(summary, /^[A-Z].*[^.]\.$/, name)
    assert.ok(summary.length <= 120, name)
  }
})

test('no two operations share a method and path, parameters aside', () => {
  const places = entries.flatMap(([, { http }]) => (http === null ? [] : [http.replace(/\{\w+\}/g, '{}')]))
  assert.is(new Set(places).size, places.length)
})

test('every path is of lower-case words and parameters', () => {
  for (const [name, { http }] of entries)
    if (http !== null) assert.match(http, /^(GET|POST|PUT|PATCH|DELETE)( (\/[a-z][a-z_-]*|\/\{[a-z_]+\})+)$/, name)
})

test('every parameter of a path is a member of the input, is required, and cannot hold a slash', () => {
  for (const [name, { http, input }] of entries)
    for (const [, parameter = ''] of (http ?? '').matchAll(/\{(\w+)\}/g)) {
      const field = input.shape[parameter] as z.ZodType | undefined
      assert.ok(field, `${name} ${parameter}`)
      assert.not.ok(field?.safeParse(undefined).success, `${name} ${parameter}`)
      assert.not.ok(field?.safeParse('a/b').success, `${name} ${parameter}`)
    }
})

test('what is asked for by GET or DELETE fits a query: texts, numbers and booleans', () => {
  const routes = describeRoutes()
  for (const [name, { method, input }] of Object.entries(routes))
    if (method === 'GET' || method === 'DELETE')
      for (const [member, { type }] of Object.entries(input))
        assert.ok(['string', 'integer', 'number', 'boolean'].includes(type), `${name} ${member}`)
})

test('GET changes nothing: it is never audited as a deed', () => {
  for (const [name, { http, audit }] of entries) if (http?.startsWith('GET ')) assert.is(audit, undefined, name)
})

test('what changes something is audited', () => {
  for (const [name, { http, audit }] of entries)
    if (http !== null && !http.startsWith('GET ')) assert.is.not(audit, undefined, name)
})

test('every input is strict: a mistyped member is no member', () => {
  for (const [name, { input }] of entries) {
    const outcome = input.safeParse({ mistyped: 1 })
    const codes = outcome.success ? [] : outcome.error.issues.map(({ code }) => code)
    assert.ok(codes.includes('unrecognized_keys'), name)
  }
})

test('every text of an input has a longest length', () => {
  for (const [name, { input }] of entries)
    for (const [member, schema] of Object.entries(jsonSchema(input).properties ?? {}))
      for (const text of textsOf(schema)) {
        const isBounded = text.maxLength !== undefined || text.pattern !== undefined || text.enum !== undefined
        assert.ok(isBounded, `${name} ${member}`)
      }
})

test('every list of an input has a longest length', () => {
  for (const [name, { input }] of entries)
    for (const [member, schema] of Object.entries(jsonSchema(input).properties ?? {}))
      if (schema.type === 'array') assert.ok(schema.maxItems !== undefined, `${name} ${member}`)
})

test('every schema is a wire type: what goes in comes out', () => {
  for (const [name, { input, output }] of entries)
    for (const [side, schema] of Object.entries({ input, output }))
      assert.equal(
        z.toJSONSchema(schema, { io: 'input', unrepresentable: 'throw' }).required,
        z.toJSONSchema(schema, { io: 'output', unrepresentable: 'throw' }).required,
        `${name} ${side}`,
      )
})

test('every output can grow: it takes members that it does not know', () => {
  for (const [name, { output }] of entries)
    if (output instanceof z.ZodObject) assert.not.ok(output.def.catchall instanceof z.ZodNever, name)
})

test('every member on the wire is in snake_case', () => {
  for (const [name, { input, output }] of entries)
    for (const member of [...membersOf(jsonSchema(input)), ...membersOf(jsonSchema(output))])
      assert.match(member, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, name)
})

test('every list takes limit and cursor and gives items and next', () => {
  for (const [name, { input, output }] of entries)
    if (name.endsWith('.list')) {
      assert.equal(['limit', 'cursor'].filter(member => member in input.shape).length, 2, name)
      assert.not.ok(input.safeParse({ limit: 201 }).success, name)
      assert.equal(Object.keys((output as z.ZodObject).shape).sort(), ['items', 'next'], name)
    }
})

test('every refusal is known, named once, and not one that any operation has', () => {
  for (const [name, { refuses }] of entries) {
    assert.is(new Set(refuses).size, refuses.length, name)
    for (const reason of refuses) {
      assert.ok(Object.hasOwn(reasons, reason), `${name} ${reason}`)
      assert.not.ok((commonReasons as readonly string[]).includes(reason) && reason !== 'busy', `${name} ${reason}`)
    }
  }
})

test('members of a refusal belong to one that the operation names', () => {
  for (const [name, { more = {}, refuses }] of entries)
    for (const reason of Object.keys(more))
      assert.ok((refuses as readonly string[]).includes(reason), `${name} ${reason}`)
})

test('every permission is a dotted name', () => {
  for (const [name, { access }] of entries)
    if (typeof access === 'object') assert.match(access.permission, /^[a-z]+(\.[a-z_]+)+$/, name)
})

test('only logins are open to anybody, and what is for the kiosk alone', () => {
  const open = entries.flatMap(([name, { access }]) => (access === 'public' ? [name] : []))
  assert.equal(open.sort(), [
    'kiosk.status',
    'kiosk.wait',
    'login.answer',
    'login.begin',
    'login.refresh',
    'ticket.spend',
  ])
})

test('every reason has a status that says no, and a title', () => {
  for (const [reason, { status, title }] of Object.entries(reasons)) {
    assert.match(reason, /^[a-z]+(_[a-z]+)*$/)
    assert.ok(status >= 400 && status <= 599, reason)
    assert.match(title, /^[a-z].*[^.]$/i, reason)
  }
})

test('only the table’s own entries are found', () => {
  assert.ok(findOperation('status'))
  for (const name of ['', 'nothing', '__proto__', 'constructor', 'toString']) assert.is(findOperation(name), null)
})

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly maxLength?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly enum?: readonly unknown[]
}

function jsonSchema(schema: z.ZodType): Schema {
  return z.toJSONSchema(schema, { io: 'input' }) as Schema
}

function textsOf({ type, items, anyOf = [], ...rest }: Schema): Schema[] {
  const inner = [...(items ? textsOf(items) : []), ...anyOf.flatMap(textsOf)]
  return type === 'string' ? [rest, ...inner] : inner
}

function membersOf({ properties = {}, items, anyOf = [] }: Schema): string[] {
  const inner = [...Object.values(properties), ...(items ? [items] : []), ...anyOf]
  return [...Object.keys(properties), ...inner.flatMap(membersOf)]
}

test.run()
