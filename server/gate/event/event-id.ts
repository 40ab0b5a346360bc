/** The order of event ids: a run of the keeper, and a number within it. */

/** Whether `id` comes after `other`; one of another run always does. */
export function isAfter(id: string, other: string): boolean {
  const [epoch, number] = id.split('-')
  const [otherEpoch, otherNumber] = other.split('-')
  return epoch !== otherEpoch || Number(number) > Number(otherNumber)
}

/** The earliest of ids; undefined for none. */
export function earliest(ids: Iterable<string>): string | undefined {
  let found: string | undefined
  for (const id of ids) if (found === undefined || isAfter(found, id)) found = id
  return found
}
