/** The table of operations: every capability there is, declared once. */
import type { z } from 'zod'
import { accessOperations } from './access.ts'
import { configOperations } from './config.ts'
import { kioskOperations } from './kiosk.ts'
import { loginOperations } from './login.ts'
import type { AnswerOf, AnyOperation } from './operation.ts'
import type { Reason } from './reason.ts'
import { sessionOperations } from './session.ts'
import { signingOperations } from './signing.ts'
import { statusOperations } from './status.ts'
import { throttleOperations } from './throttle.ts'
import { ticketOperations } from './ticket.ts'

export const table = {
  ...loginOperations,
  ...sessionOperations,
  ...ticketOperations,
  ...kioskOperations,
  ...accessOperations,
  ...throttleOperations,
  ...signingOperations,
  ...statusOperations,
  ...configOperations,
} satisfies { readonly [name: string]: AnyOperation }

export type Table = typeof table
export type Name = keyof Table
/** What a handler is given: the parsed input. */
export type Input<N extends Name> = z.output<Table[N]['input']>
/** What a client sends. */
export type Request<N extends Name> = z.input<Table[N]['input']>
export type Output<N extends Name> = z.output<Table[N]['output']>
export type Refuses<N extends Name> = Table[N]['refuses'][number] & Reason
export type Answer<N extends Name> = AnswerOf<Output<N>, Refuses<N>>
/** Calls an operation: over the link, over HTTP, or within the keeper. */
export type Call = <N extends Name>(name: N, input: Request<N>) => Promise<Answer<N>>

/** The entry of that name, or null: only the table's own members count. */
export function findOperation(name: string): AnyOperation | null {
  return Object.hasOwn(table, name) ? table[name as Name] : null
}
