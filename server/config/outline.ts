/** What the schema says about itself: which keys there are, which are texts, and a line about each. */
import * as z from 'zod'
import type { Path } from './fault.ts'
import { configSchema } from './schema.ts'

/** One key for a reference: `default` is absent where a key has none; `NAME` and `[]` stand for any role and any item. */
export interface KeyDescription {
  key: string
  about: string
  default?: unknown
}

/** The names of the keys a map at `path` may have, or null where there is no map or its keys are free. */
export function keysAt(path: Path): string[] | null {
  const schema = schemaAt(path)
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : null
}

/** Whether the value at `path` is a text by its schema, so that an environment variable needs no quotes. */
export function isTextAt(path: Path): boolean {
  const schema = schemaAt(path)
  return schema instanceof z.ZodString || schema instanceof z.ZodEnum
}

/** Whether null is a value at `path`, and not just an empty section. */
export function isNullableAt(path: Path): boolean {
  const outer = outerAt(path)
  for (let schema: unknown = outer; schema; schema = inner(schema)) if (schema instanceof z.ZodNullable) return true
  return false
}

/** The paths of every map in which `name` is a key, the top level as an empty path. */
export function homesOf(name: string): string[] {
  return describeKeys()
    .map(({ key }) => key)
    .filter(key => key === name || key.endsWith(`.${name}`))
    .map(key => key.slice(0, -name.length).replace(/\.$/, ''))
}

/** The line about the key at `path`, or an empty text. */
export function aboutKey(path: Path): string {
  return description(outerAt(path))
}

/** Every key in the order of the schema, sections before their keys. Pure, and too slow for a path that is hot. */
export function describeKeys(): KeyDescription[] {
  return describe(configSchema, '')
}

function describe(outer: unknown, key: string): KeyDescription[] {
  const schema = bare(outer)
  const own = key === '' || description(outer) === '' ? [] : [describeOne(outer, schema, key)]
  if (schema instanceof z.ZodRecord) return [...own, ...describe(schema.valueType, `${key}.NAME`)]
  if (schema instanceof z.ZodArray) return [...own, ...describe(schema.element, `${key}[]`)]
  if (!(schema instanceof z.ZodObject)) return own
  const names = Object.entries(schema.shape)
  return [...own, ...names.flatMap(([name, member]) => describe(member, key === '' ? name : `${key}.${name}`))]
}

function describeOne(outer: unknown, schema: unknown, key: string): KeyDescription {
  const about = description(outer)
  const fallback = schema instanceof z.ZodObject ? undefined : findDefault(outer)
  return fallback === undefined ? { key, about } : { key, about, default: fallback }
}

function findDefault(outer: unknown): unknown {
  for (let schema = outer; schema; schema = inner(schema)) {
    if (schema instanceof z.ZodDefault) return schema.def.defaultValue
  }
  return undefined
}

function description(schema: unknown): string {
  return schema instanceof z.ZodType ? (schema.description ?? '') : ''
}

function schemaAt(path: Path): unknown {
  return bare(outerAt(path))
}

function outerAt(path: Path): unknown {
  return path.reduce<unknown>((schema, part) => member(bare(schema), part), configSchema)
}

function member(schema: unknown, part: string | number): unknown {
  if (schema instanceof z.ZodRecord) return schema.valueType
  if (schema instanceof z.ZodArray) return schema.element
  if (!(schema instanceof z.ZodObject) || !Object.hasOwn(schema.shape, part)) return undefined
  return schema.shape[part]
}

/** The schema without what is wrapped around it: defaults, optional, null, and what runs before or after it. */
function bare(schema: unknown): unknown {
  const within = inner(schema)
  return within === undefined ? schema : bare(within)
}

function inner(schema: unknown): unknown {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return schema.unwrap()
  }
  if (!(schema instanceof z.ZodPipe)) return undefined
  return schema.in instanceof z.ZodTransform ? schema.out : schema.in
}
