/** Pages of a list that is whole in memory; its cursor is the place in the list. */
import { no, type Refusal, yes } from '../operations/operation.ts'

/** A page, and the cursor of the next one; null after the last. */
export interface Page<T> {
  readonly items: T[]
  readonly next: string | null
}

/** The page that `limit` (50 when left out) and `cursor` ask for. A cursor that no page gave is `invalid_input`. */
export function pageOf<T>(
  all: readonly T[],
  { limit = 50, cursor = '0' }: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): { readonly ok: true; readonly value: Page<T> } | Refusal<'invalid_input'> {
  if (!/^\d{1,9}$/.test(cursor)) return no('invalid_input', 'cursor: expected `next` of the page before')
  const start = Number(cursor)
  const end = start + limit
  return yes({ items: all.slice(start, end), next: end < all.length ? String(end) : null })
}
