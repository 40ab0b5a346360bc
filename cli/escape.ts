/** Text that others wrote, made harmless for a terminal: what controls it, or turns its text around, is shown as an escape. */

/** C0 and C1 controls, DEL, zero-width and bidirectional marks, line and paragraph separators, byte-order mark. */
const controls = /[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu

/** One line of text: newlines too are escaped. */
export function escapeLine(text: string): string {
  return text.replace(controls, control => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Several lines of text; a carriage return before a newline is dropped. */
export function escapeLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map(line => escapeLine(line.replaceAll('\t', '  ')))
    .join('\n')
}

/** A value as JSON in which the same characters are escaped; they stand in its strings only, so it stays the same value. */
export function stringify(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).split('\n').map(escapeLine).join('\n')
}
