/** Header fields as plain values, so that the gate's rules need neither Request nor Headers. */

/** Fields by lower-case name, as node:http's `headers` has them: repeated fields are joined by a comma, or an array. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Every value of one field, in order, from node:http's `rawHeaders` (name, value, name, value …). `name` is lower-case.
 * Needed for Host and Authorization: `headers` keeps the first of several and hides that there were more.
 */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const field = rawHeaders[index]
    if (field?.length === name.length && field.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '')
  }
  return values
}

/** One field's text; an array is joined as node:http joins repeated fields. Null when the field is absent. */
export function headerText(headers: HeaderFields, name: string): string | null {
  const value = headers[name]
  if (value === undefined) return null
  return typeof value === 'string' ? value : value.join(', ')
}

/** A value from the network made fit for a message: printable ASCII in quotes, 100 characters at most. Not HTML-escaped. */
export function quoteSeen(seen: string): string {
  const printable = seen.replace(/[^\x20-\x7e]/g, '?')
  return printable.length > 100 ? `"${printable.slice(0, 100)}…"` : `"${printable}"`
}
