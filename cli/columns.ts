/** Tables for people: columns as wide as they must be, everything in them escaped. */
import { escapeLine } from './escape.ts'

/** A table with a head; the last column is not padded. Says `none` when there is no row. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return `${none}\n`
  return formatRows([head, ...rows])
}

/** Names on the left, values on the right; of several values each gets a line. */
export function formatFields(fields: readonly (readonly [string, string | readonly string[]])[]): string {
  const rows = fields.flatMap(([name, value]) => {
    const [first = '-', ...others] = typeof value === 'string' ? [value] : value
    return [[name, first], ...others.map(other => ['', other])]
  })
  return formatRows(rows)
}

function formatRows(rows: readonly (readonly string[])[]): string {
  const cells = rows.map(row => row.map(escapeLine))
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map(row => widthOf(row[at] ?? ''))))
  const lines = cells.map(row => row.map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - widthOf(cell))).join('  '))
  return lines.map(line => `${line.trimEnd()}\n`).join('')
}

function widthOf(text: string): number {
  return [...text].length
}
