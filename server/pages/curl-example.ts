/** A command that calls an operation, to be copied into a shell. */
import type { Field, Route } from '../operations/route.ts'

/** What a reader replaces stands in capitals. */
const samples: { readonly [T in Field['type']]: (name: string) => unknown } = {
  string: name => name.toUpperCase(),
  integer: () => 1,
  number: () => 1,
  boolean: () => true,
  array: name => [name.toUpperCase()],
  object: () => ({}),
}

/**
 * The file that the examples read their Authorization header from: what stands on a command line is to be read by every
 * account of the machine.
 */
export const headerFile = 'header'

/**
 * The curl command for a route of HTTP below `base` (origin and prefix), with its required inputs: in the path where the path
 * names them, else in the query of a GET or DELETE, else as JSON. Safe to paste whatever `base` holds.
 */
export function curlExample({ method, path, access, input }: Route, base: string): string {
  const needed = Object.entries(input)
    .filter(([, { required }]) => required)
    .map(([name, { type }]): [string, unknown] => [name, samples[type](name)])
  const inPath = needed.filter(([name]) => path?.includes(`{${name}}`))
  const others = needed.filter(entry => !inPath.includes(entry))
  const place = inPath.reduce((filled, [name, value]) => filled.replace(`{${name}}`, String(value)), path ?? '')
  const hasBody = method !== 'GET' && method !== 'DELETE'
  const query = others.map(([name, value]) => `${name}=${value}`).join('&')
  const words = ['curl']
  if (method !== null && method !== 'GET' && method !== 'POST') words.push('-X', method)
  if (access !== 'public') words.push('-H', `@${headerFile}`)
  if (hasBody) words.push('--json', quoted(JSON.stringify(Object.fromEntries(others))))
  return [...words, quoted(`${base}${place}${!hasBody && query !== '' ? `?${query}` : ''}`)].join(' ')
}

/** A word for a POSIX shell: within single quotes nothing means anything but the single quote. */
function quoted(word: string): string {
  return /^[\w.:/@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
