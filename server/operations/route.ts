/** The plain map of routes that the build derives from the table, for programs that should not load the schemas. */
import * as z from 'zod'
import type { Method } from './operation.ts'
import { type Name, table } from './table.ts'

/** One member of an input: its JSON type, whether it must be there, and what it is. */
export interface Field {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  readonly required: boolean
  readonly about: string
}

/** An operation without its schemas. `method` and `path` are null for one of the link alone. */
export interface Route {
  readonly summary: string
  readonly method: Method | null
  readonly path: string | null
  readonly access: string
  readonly input: { readonly [member: string]: Field }
}

export type Routes = { readonly [N in Name]: Route }

interface JsonSchema {
  readonly type?: Field['type']
  readonly description?: string
  readonly properties?: { readonly [member: string]: JsonSchema }
  readonly required?: readonly string[]
}

function fieldsOf(input: z.ZodObject): Route['input'] {
  const schema = z.toJSONSchema(input, { io: 'input' }) as JsonSchema
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([member, { type = 'string', description = '' }]) => [
      member,
      { type, required: schema.required?.includes(member) ?? false, about: description },
    ]),
  )
}

/** Derives the map of routes from the table; the build writes it to routes.generated.ts. */
export function describeRoutes(): Routes {
  const rows = Object.entries(table).map(([name, { summary, http, access, input }]): [string, Route] => {
    const [method = null, path = null] = http?.split(' ') ?? []
    return [
      name,
      {
        summary,
        method: method as Method | null,
        path,
        access: typeof access === 'string' ? access : access.permission,
        input: fieldsOf(input),
      },
    ]
  })
  return Object.fromEntries(rows) as Routes
}
