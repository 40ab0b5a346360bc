/** How a call of an operation is written as an HTTP request: method, path with its parameters, query or body. */
import { routes } from '../operations/routes.generated.ts'
import type { Name } from '../operations/table.ts'

/** Where the native API begins. */
export const apiPrefix = '/postern/v1'

/** A request without its connection and its token. */
export interface ApiRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** JSON, or null where the input went into path and query. */
  readonly body: string | null
}

/**
 * Writes the call down. Members that are undefined are left out; whether the input is right is for the server to say.
 * Throws a TypeError for an operation that has no HTTP route, and for a path parameter that is missing.
 */
export function describeRequest(name: Name, input: object): ApiRequest {
  const { method, path } = routes[name] ?? { method: null, path: null }
  if (method === null || path === null) throw new TypeError(`${name} cannot be called over HTTP`)
  const members = new Map(Object.entries(input).filter(([, value]) => value !== undefined))
  const target = apiPrefix + fillPath(path, members)
  if (method === 'GET' || method === 'DELETE') return { method, path: target + queryOf(members), body: null }
  return { method, path: target, body: JSON.stringify(Object.fromEntries(members)) }
}

/** Puts members into the path's `{parameters}` and takes them out of the rest. */
function fillPath(path: string, members: Map<string, unknown>): string {
  return path.replace(/\{(\w+)\}/g, (_, parameter: string) => {
    const value = String(members.get(parameter) ?? '')
    // An empty or dotted segment would be another path.
    if (/^\.{0,2}$/.test(value)) throw new TypeError(`${parameter}: expected a value for the path`)
    members.delete(parameter)
    return encodeURIComponent(value)
  })
}

function queryOf(members: ReadonlyMap<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [member, value] of members)
    for (const one of Array.isArray(value) ? value : [value]) query.append(member, textOf(one))
  return query.size === 0 ? '' : `?${query}`
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
