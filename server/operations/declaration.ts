/** The table as TypeScript declarations, for programs that do not have the schemas' library. */
import * as z from 'zod'
import type { AnyOperation } from './operation.ts'
import { commonReasons } from './reason.ts'
import { table } from './table.ts'

/** What zod makes of the schemas that a table holds. */
interface JsonSchema {
  readonly id?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: { readonly [member: string]: JsonSchema }
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly $ref?: string
  readonly $defs?: { readonly [name: string]: JsonSchema }
}

/** The declarations of the named parts, by name. */
type Named = Map<string, string>

const plain: { readonly [type: string]: string } = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null',
}

/** The type of a schema. Throws a TypeError for one that it cannot tell: nothing is better than a wrong type. */
function typeOf(schema: JsonSchema): string {
  const { type = '', anyOf, items, $ref } = schema
  if ($ref !== undefined) return $ref.replace('#/$defs/', '')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map(one => JSON.stringify(one)).join(' | ')
  if (anyOf) return anyOf.map(typeOf).join(' | ')
  if (Object.keys(schema).every(member => member === 'description')) return 'unknown'
  if (typeof type !== 'string') return type.map(one => typeOf({ ...schema, type: one })).join(' | ')
  if (type === 'array' && items) return `Array<${typeOf(items)}>`
  if (type === 'object') return objectOf(schema)
  const name = plain[type]
  if (name === undefined) throw new TypeError(`no type is known for the schema ${JSON.stringify(schema)}`)
  return name
}

/** An input is strict: an object that takes nothing must say so, or it takes anything. */
function objectOf({ properties = {}, required = [], additionalProperties: others }: JsonSchema): string {
  const members = Object.entries(properties).map(([member, schema]) => {
    const isRequired = required.includes(member)
    const type = isRequired ? typeOf(schema) : `${typeOf(schema)} | undefined`
    return `${comment(schema.description)}${JSON.stringify(member)}${isRequired ? '' : '?'}: ${type}`
  })
  if (members.length === 0 && typeof others !== 'object') return 'Record<string, never>'
  if (typeof others === 'object') members.push(`[member: string]: ${typeOf(others)}`)
  return `{ ${members.join('; ')} }`
}

function comment(text: string | undefined): string {
  return text === undefined ? '' : `/** ${text.replaceAll('*/', '* /')} */ `
}

/** The type of a schema; its named parts go to `named`. */
function declare(schema: z.ZodType, named: Named): string {
  const { $defs = {}, ...own } = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema
  for (const [name, part] of Object.entries($defs)) named.set(name, typeOf(part))
  if (own.id === undefined) return typeOf(own)
  named.set(own.id, typeOf(own))
  return own.id
}

function unionOf(reasons: readonly string[]): string {
  return reasons.map(reason => JSON.stringify(reason)).join(' | ') || 'never'
}

/** The text of a declaration file with `Name`, `Request`, `Output`, `Answer` and `Call`, as table.ts has them. */
export function declareTable(): string {
  const named: Named = new Map()
  const rows = Object.entries<AnyOperation>(table).map(([name, { summary, input, output, refuses }]) => {
    const types = [
      `request: ${declare(input, named)}`,
      `output: ${declare(output, named)}`,
      `refuses: ${unionOf(refuses)}`,
    ]
    return `  ${comment(summary).trim()}\n  ${JSON.stringify(name)}: {\n    ${types.join('\n    ')}\n  }\n`
  })
  const parts = [...named].map(([name, type]) => `export type ${name} = ${type}\n`)
  return `/** Derived from the table by scripts/build.ts. */
${parts.join('')}
export interface Operations {
${rows.join('')}}
export type Name = keyof Operations
export type Request<N extends Name> = Operations[N]['request']
export type Output<N extends Name> = Operations[N]['output']
export interface Refusal<R extends string> {
  readonly ok: false
  readonly reason: R
  readonly detail?: string | undefined
  readonly more?: { readonly [member: string]: unknown } | undefined
}
type Common = ${unionOf(commonReasons)}
export type Answer<N extends Name> =
  | { readonly ok: true; readonly value: Output<N> }
  | Refusal<Operations[N]['refuses'] | Common>
export type Call = <N extends Name>(name: N, input: Request<N>) => Promise<Answer<N>>
`
}
