/** What may go to PAM as a name, an answer or a label: refused when it does not fit, never cut. */

declare const userName: unique symbol
declare const answerText: unique symbol

/** A login name as somebody typed it, fit for a C string; whether such an account exists is not checked. */
export type UserName = string & { readonly [userName]: true }

/** One answer to a prompt, fit for libpam. A secret: never logged. */
export type AnswerText = string & { readonly [answerText]: true }

/** A parsed text, or the one thing that is wrong with it. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; reason: TextFault }

/** Why a text was refused. */
export type TextFault = 'not_text' | 'empty' | 'too_long' | 'control_character' | 'invalid_unicode'

/** The longest login name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 256

/** The longest answer, in bytes of UTF-8: PAM_MAX_RESP_SIZE (512) with its closing NUL. */
export const MAX_ANSWER_BYTES = 511

/** A login name: not empty, at most 256 bytes, valid Unicode, no control character. */
export function parseUserName(given: unknown): Parsed<UserName> {
  const fault = given === '' ? 'empty' : findFault(given, MAX_NAME_BYTES, CONTROL)
  return fault === null ? { ok: true, value: given as UserName } : { ok: false, reason: fault }
}

/** An answer: at most 511 bytes, valid Unicode, no NUL. May be empty, and may hold other control characters. */
export function parseAnswer(given: unknown): Parsed<AnswerText> {
  const fault = findFault(given, MAX_ANSWER_BYTES, NUL)
  return fault === null ? { ok: true, value: given as AnswerText } : { ok: false, reason: fault }
}

/** True for a text without control characters that is at most `maxBytes` of valid UTF-8; the empty text is one. */
export function isPlainText(given: unknown, maxBytes: number): given is string {
  return findFault(given, maxBytes, CONTROL) === null
}

const CONTROL = /\p{Cc}/u
// A C string ends at NUL: "pw\0junk" would pass as "pw".
const NUL = /\0/

function findFault(given: unknown, maxBytes: number, forbidden: RegExp): TextFault | null {
  if (typeof given !== 'string') return 'not_text'
  if (given.length > maxBytes || Buffer.byteLength(given) > maxBytes) return 'too_long'
  // A lone surrogate becomes U+FFFD in UTF-8, so two different passwords would be one.
  if (!given.isWellFormed()) return 'invalid_unicode'
  return forbidden.test(given) ? 'control_character' : null
}
