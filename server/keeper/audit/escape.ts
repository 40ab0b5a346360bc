/** Text that came from strangers, made safe for a terminal and bounded, inside JSON. */

// Controls (C0, C1, DEL), format characters (bidi, zero width, tags), private use, unassigned, lone surrogates, and every
// separator but the space: whatever can move a cursor, reorder a line, end it, or hide.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

/** Cuts text at `longest` UTF-16 code units; what was cut is counted at the end. */
export function boundText(text: string, longest: number): string {
  if (text.length <= longest) return text
  return `${text.slice(0, longest)}…(${text.length - longest} more)`
}

/** JSON on one line. Every unsafe character is written as an escape of JSON's own: its readers get the same value back. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, escapeCharacter)
}

function escapeCharacter(character: string): string {
  const units = character.split('')
  return units.map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
}
