/** The Forwarded field (RFC 7239 §4), read strictly. */

/** One hop: what the proxy saw as the sender (`for`), the Host field and the scheme (`proto`), unquoted; null where it did not say. */
export interface ForwardedElement {
  readonly for: string | null
  readonly host: string | null
  readonly proto: string | null
}

const PAIR = /[ \t]*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")[ \t]*(;|,|$)/y

/**
 * The hops, nearest proxy last. Null for anything outside the grammar, and for a parameter given twice in a hop: a stranger's
 * unclosed quote in front must not swallow what the proxy appended.
 */
export function parseForwarded(value: string): ForwardedElement[] | null {
  const elements: ForwardedElement[] = []
  let pairs = new Map<string, string>()
  PAIR.lastIndex = 0
  for (;;) {
    const match = PAIR.exec(value)
    const name = match?.[1]?.toLowerCase()
    if (!match || name === undefined || pairs.has(name)) return null
    pairs.set(name, match[2] ?? (match[3] ?? '').replace(/\\(.)/g, '$1'))
    if (match[4] === ';') continue
    elements.push({ for: pairs.get('for') ?? null, host: pairs.get('host') ?? null, proto: pairs.get('proto') ?? null })
    if (match[4] === '') return elements
    pairs = new Map()
  }
}
