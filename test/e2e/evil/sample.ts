/** A valid input for every operation of the table, made from its schema. */
import { describeRoutes } from '../../../server/operations/route.ts'
import { findOperation, type Name } from '../../../server/operations/table.ts'

/** The operations, by name. */
export const names = Object.keys(describeRoutes()) as Name[]

const byType = { string: 'x', integer: 1, number: 1, boolean: true, array: ['x'], object: {} }

/**
 * Fills in every member: by its name where `known` says, else by its type. Throws when the schema does not take it: then a
 * new member wants an entry in `known`.
 */
export function sampleInput(name: Name, known: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = Object.entries(describeRoutes()[name].input)
  const input = Object.fromEntries(fields.map(([member, { type }]) => [member, known[member] ?? byType[type]]))
  const parsed = findOperation(name)?.input.safeParse(input)
  if (!parsed?.success) throw new Error(`${name}: no valid sample: ${JSON.stringify(input)}`)
  return input
}
