/** The wire types that lists and times share. */
import * as z from 'zod'

/** An instant, RFC 3339 in UTC. */
export const time = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' })

/** The members every list takes. */
export const page = {
  limit: z.int().min(1).max(200).optional().describe('how many at most; 50 when left out'),
  cursor: z.string().max(256).optional().describe('`next` of the page before'),
}

/** What every list gives: a page of items, and the cursor of the next page or null. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable() })
}
