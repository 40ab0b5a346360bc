/** Problem details (RFC 9457): how a refusal or a fault reads for programs, and who is a program. */

/** The body of an answer that is not a yes; further members are the refusal's own, such as `prompts` or `retry_after`. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  /** What programs tell problems apart by: a lower-case word with underscores. */
  readonly code: string
  readonly [member: string]: unknown
}

/** Members of a refusal beside the standard ones, which they cannot replace. */
export type MoreMembers = Readonly<Record<string, unknown>>

/**
 * Builds a problem. `title` is the same for every problem of the code, `detail` says what was wrong this time; neither may
 * hold a secret. Throws TypeError for a code that is no lower-case word or a status outside 400-599.
 */
export function problem(code: string, status: number, title: string, detail?: string, more?: MoreMembers): Problem {
  if (!/^[a-z][a-z0-9_]*$/.test(code)) throw new TypeError('problem: the code is not a lower-case word')
  if (!Number.isInteger(status) || status < 400 || status > 599)
    throw new TypeError('problem: the status is not 4xx or 5xx')
  const type = `urn:postern:problem:${code}`
  const standard = detail === undefined ? { type, title, status, code } : { type, title, status, detail, code }
  // Twice: the first gives the standard members their place in the text, the second keeps `more` from replacing them.
  return { ...standard, ...more, ...standard }
}

/**
 * True when an Accept field names `text/html` and weighs it above named JSON and no lower than a wildcard. So browsers get
 * pages; curl, which accepts anything, and programs that name JSON get JSON.
 */
export function prefersHtml(accept: string | undefined): boolean {
  const weights = new Map<string, number>()
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map(part => part.trim())
    weights.set(type, Math.max(weights.get(type) ?? 0, parseWeight(parameters)))
  }
  const html = weights.get('text/html') ?? 0
  const namedJson = Math.max(weights.get('application/json') ?? 0, weights.get('application/problem+json') ?? 0)
  const anyJson = Math.max(weights.get('application/*') ?? 0, weights.get('*/*') ?? 0)
  return html > namedJson && html >= anyJson
}

function parseWeight(parameters: readonly string[]): number {
  const weight = parameters.find(parameter => parameter.startsWith('q='))?.slice(2)
  if (weight === undefined) return 1
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight) : 0
}
