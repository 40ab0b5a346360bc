/** The AsyncAPI document: whole, and telling what the schemas tell. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeEvents } from '../../server/operations/asyncapi.ts'
import { eventKinds } from '../../server/operations/event-kind.ts'

const test = suite('operations/asyncapi')

interface Document {
  readonly asyncapi: string
  readonly channels: { readonly events: { readonly address: string; readonly messages: Record<string, unknown> } }
  readonly components: {
    readonly messages: Record<string, { readonly payload: { readonly $ref: string }; readonly summary: string }>
    readonly schemas: Record<string, { readonly properties: Record<string, object>; readonly required: string[] }>
  }
}

const document = JSON.parse(JSON.stringify(describeEvents('/postern/v1'))) as Document

function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) {
    if (name === '$ref') yield String(inner)
    yield* references(inner)
  }
}

function resolve(reference: string): unknown {
  return reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document)
}

test('it is AsyncAPI 3.0, of the stream at its address', () => {
  assert.is(document.asyncapi, '3.0.0')
  assert.is(document.channels.events.address, '/postern/v1/events')
})

test('every kind of event is a message of the channel, and the one that a stream begins with', () => {
  assert.equal(Object.keys(document.channels.events.messages).sort(), [...eventKinds, 'ready'].sort())
})

test('every message has an id, a time and its kind, and says for whom it is', () => {
  for (const [name, { payload, summary }] of Object.entries(document.components.messages)) {
    const schema = resolve(payload.$ref) as Document['components']['schemas'][string]
    assert.equal(
      ['id', 'time', 'kind'].filter(member => !schema.required.includes(member)),
      [],
      name,
    )
    assert.equal((schema.properties.kind as { const: string }).const, name)
    assert.type(summary, 'string')
  }
})

test('every reference leads to something', () => {
  const all = [...references(document)]
  assert.ok(all.length > 10)
  for (const reference of all) assert.ok(resolve(reference), reference)
})

test.run()
