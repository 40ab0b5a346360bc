/** The configuration in force, value by value, with where each comes from; secrets stay hidden. */
import { originText, type Path, pathText } from './fault.ts'
import type { Loaded } from './load.ts'
import { aboutKey } from './outline.ts'
import { Secret } from './secret.ts'

/** What JSON can say. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** One key: `from` is `file:line`, `environment NAME`, `credential NAME` or `default`. */
export interface ShownValue {
  key: string
  value: Json
  from: string
  about: string
}

/** Every value in the order of the schema; a list is one value. */
export function redactedConfig({ config, originOf }: Pick<Loaded, 'config' | 'originOf'>): ShownValue[] {
  return show(config, [], path => originText(originOf(path)))
}

function show(value: unknown, path: Path, from: (path: Path) => string): ShownValue[] {
  if (!isMap(value)) return [{ key: pathText(path), value: toJson(value), from: from(path), about: aboutKey(path) }]
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .flatMap(([name, inner]) => show(inner, [...path, name], from))
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret)
}

function toJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(toJson)
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toJson(inner)]))
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return value instanceof Secret ? String(value) : null
}
