/** What ends a command early: a sentence for people, an exit status, and what to try. */
import type { Refusal } from '../server/operations/operation.ts'
import { type Exit, exitOfReason } from './exit.ts'

/** The command cannot go on. */
export class CommandFault extends Error {
  override readonly name = 'CommandFault'
  readonly exit: Exit
  readonly hint: string | undefined

  constructor(exit: Exit, message: string, hint?: string) {
    super(message)
    this.exit = exit
    this.hint = hint
  }
}

/** The daemon said no. */
export class RefusedFault extends Error {
  override readonly name = 'RefusedFault'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.detail ?? refusal.reason)
    this.refusal = refusal
  }

  get exit(): Exit {
    return exitOfReason(this.refusal.reason)
  }
}
