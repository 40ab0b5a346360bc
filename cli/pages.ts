/** Lists that come in pages, read to their end. */
import { ClientError } from '../server/client/error.ts'

/** The members that every list operation takes. */
export interface PageInput {
  readonly limit: number
  readonly cursor?: string
}

interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

const pageSize = 200

/** All items, page by page. Throws a `ClientError` when a page names itself as the next one. */
export async function listAll<T>(fetchPage: (input: PageInput) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  const seen = new Set<string>()
  let page = await fetchPage({ limit: pageSize })
  for (;;) {
    items.push(...page.items)
    if (page.next === null) return items
    if (seen.has(page.next)) throw new ClientError('protocol', 'the list has no end')
    seen.add(page.next)
    page = await fetchPage({ limit: pageSize, cursor: page.next })
  }
}
