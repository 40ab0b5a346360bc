/** The members of an operation's input as they are typed: `key=value`, `key:=json`, `key=@file`. */
import type { Field, Route } from '../server/operations/route.ts'
import { CommandFault } from './fault.ts'

/** Members that are secrets: every user of the machine can read a command line. */
const secrets: ReadonlySet<string> = new Set(['password', 'code', 'answers', 'refresh_token', 'key'])

/** Reads a file, `-` for standard input, for `key=@file`. */
export type ReadText = (path: string) => Promise<string>

/**
 * The input that `words` describe. A value becomes what the operation's field is: text, number, `true` or `false`; a list
 * takes its key once for each item; an object is JSON. `:=` takes any value as JSON. `=@` takes it from a file, without the
 * newline at its end. Throws a `CommandFault` for what fits no field, for a member that is missing, and for a secret that
 * is typed.
 */
export async function parseMembers(
  words: readonly string[],
  input: Route['input'],
  readText: ReadText,
): Promise<Record<string, unknown>> {
  const members: Record<string, unknown> = {}
  for (const word of words) {
    const { key, isJson, text, isFromFile } = await readWord(word, readText)
    const field = fieldOf(key, input)
    if (secrets.has(key) && !isFromFile) throw typedSecret(key)
    const value = isJson ? parseJson(key, text) : fromText(key, text, field)
    const isItem = field.type === 'array' && !isJson
    if (Object.hasOwn(members, key) && !isItem) throw wrong(`${key} is given twice`)
    members[key] = isItem ? [...listOf(members[key]), value].flat() : value
  }
  const missing = Object.entries(input).filter(([key, field]) => field.required && !Object.hasOwn(members, key))
  if (missing.length > 0) throw wrong(`${missing.map(([key]) => key).join(', ')}: expected, but not given`)
  return members
}

async function readWord(word: string, readText: ReadText) {
  const [, key, sign = '', rest] = /^([^:=]+)(:?=)(.*)$/s.exec(word) ?? []
  if (key === undefined || rest === undefined) throw wrong(`${word}: expected key=value or key:=json`)
  const isFromFile = rest.startsWith('@')
  const text = isFromFile ? (await readText(rest.slice(1))).replace(/\r?\n$/, '') : rest
  return { key, isJson: sign === ':=', text, isFromFile }
}

function fieldOf(key: string, input: Route['input']): Field {
  const field = Object.hasOwn(input, key) ? input[key] : undefined
  if (field) return field
  const known = Object.keys(input)
  throw wrong(`${key}: no such member, expected ${known.length > 0 ? known.join(', ') : 'none'}`)
}

function fromText(key: string, text: string, { type }: Field): unknown {
  switch (type) {
    case 'string':
      return text
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true'
      throw wrong(`${key}: expected true or false, found ${text}`)
    case 'integer':
    case 'number':
      return numberOf(key, text, type)
    case 'array':
      return text.startsWith('[') ? parseJson(key, text) : text
    case 'object':
      return parseJson(key, text)
  }
}

function numberOf(key: string, text: string, type: 'integer' | 'number'): number {
  const pattern = type === 'integer' ? /^-?\d+$/ : /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i
  const value = Number(text)
  if (pattern.test(text) && (type === 'number' ? Number.isFinite(value) : Number.isSafeInteger(value))) return value
  throw wrong(`${key}: expected ${type === 'integer' ? 'a whole number' : 'a number'}, found ${text}`)
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw wrong(`${key}: expected JSON`)
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function wrong(message: string): CommandFault {
  return new CommandFault('usage', message, 'postern call NAME --help lists the members')
}

function typedSecret(key: string): CommandFault {
  return new CommandFault(
    'usage',
    `${key} is a secret, and every user can read a command line`,
    `give it as ${key}=@- on standard input, or ${key}=@FILE`,
  )
}
