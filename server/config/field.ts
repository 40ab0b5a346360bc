/** The kinds of values a configuration has; each says in one phrase what it expects, and that is its only message. */
import { isIP } from 'node:net'
import { isAbsolute, normalize } from 'node:path'
import * as z from 'zod'

export const MINUTE = 60
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const YEAR = 365 * DAY

/** A whole number with its unit (`seconds`, `sources`), bounds and default. */
export function whole(unit: string, fallback: number, min: number, max: number) {
  const error = `expected a whole number of ${unit} from ${min} to ${max}`
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error }).default(fallback)
}

/** A duration in seconds that may have a fraction. */
export function fractionalSeconds(fallback: number, min: number, max: number) {
  const error = `expected a number of seconds from ${min} to ${max}`
  return z.number({ error }).min(min, { error }).max(max, { error }).default(fallback)
}

/** True or false; YAML 1.2 has no yes and no. */
export function flag(fallback: boolean) {
  return z.boolean({ error: 'expected true or false' }).default(fallback)
}

/** One of a closed set of words. */
export function choice<const W extends readonly [string, ...string[]]>(words: W) {
  return z.enum(words, { error: `expected ${words.length > 1 ? 'one of ' : ''}${words.join(', ')}` })
}

/** A text that passes `accepts`; `expected` completes the sentence "expected …". */
export function text(expected: string, accepts: (text: string) => boolean) {
  const error = `expected ${expected}`
  return z.string({ error }).refine(accepts, { error })
}

/** A list of such values. */
export function list<T extends z.ZodType>(item: T, of: string) {
  return z.array(item, { error: `expected a list of ${of}` }).max(1000, { error: 'expected at most 1000 entries' })
}

/** A map with these keys and no others. Left empty or out, all of its keys have their defaults. */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.preprocess(value => value ?? {}, plainSection(shape))
}

/** A section that is not there unless it is written. */
export function plainSection<S extends z.ZodRawShape>(shape: S) {
  const error = `expected a map with the keys ${Object.keys(shape).join(', ')}`
  return z.strictObject(shape, { error: issue => (issue.code === 'invalid_type' ? error : undefined) })
}

/** An absolute path without `.`, `..` or control characters; a trailing slash is dropped. */
export function directory() {
  return text('an absolute path', path => isAbsolute(path) && isCleanPath(path) && path !== '/').overwrite(dropSlash)
}

/** A path's text: not empty, no `.` or `..` parts, no doubled slashes, no control characters, at most 4096 bytes. */
export function isCleanPath(path: string): boolean {
  return (
    path !== '' && dropSlash(path) === dropSlash(normalize(path)) && !/^\.\.?(\/|$)/.test(path) && isPlain(path, 4096)
  )
}

/** A user's or group's name as the account database may hold it, a directory's `DOMAIN\name` included. */
export function accountName(what: string) {
  return text(
    `the name of a ${what}`,
    name => name !== '' && name === name.trim() && !/[:/,]/.test(name) && isPlain(name, 255),
  )
}

/** A role's name. */
export function roleName() {
  return text('a role name of small letters, digits, - and _', name => /^[a-z][a-z0-9_-]{0,31}$/.test(name))
}

/** A permission (`session.manage`), all of a family (`job.*`) or all there are (`*`). */
export function permissionPattern() {
  const expected = 'a permission like session.manage, job.* or *'
  return text(expected, name => name.length <= 128 && /^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?)$/.test(name))
}

/** A DNS name in ASCII; small letters and no final dot afterwards. */
export function hostName() {
  return text('a host name like box.example, without scheme, port or path', isHostName).overwrite(name =>
    name.toLowerCase().replace(/\.$/, ''),
  )
}

function isHostName(name: string): boolean {
  return (
    name.length <= 253 &&
    isIP(name) === 0 &&
    /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i.test(name)
  )
}

/** An IP address, a network in CIDR form, or `unix` for whoever connects to the UNIX socket. */
export function proxy() {
  return text('an IP address, a network like 10.0.0.0/8 or unix', isProxy)
}

function isProxy(entry: string): boolean {
  if (entry === 'unix') return true
  const [address = '', prefix, ...rest] = entry.split('/')
  const family = isIP(address)
  if (family === 0 || address.includes('%') || rest.length > 0) return false
  // Prefix 0 would trust everybody, and with that every forged header.
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

function isPlain(value: string, maxBytes: number): boolean {
  return Buffer.byteLength(value) <= maxBytes && !/[\p{Cc}\p{Cs}]/u.test(value)
}

function dropSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/$/, '') : path
}
