/** Turns: few pieces of work at once, and a bounded line of those that wait for one. */

/** Does the work when its turn has come. Rejects at once when the line is full. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/** At most `atOnce` pieces of `what` are at work, and at most `waiting` wait, first come first served. */
export function createTurns(what: string, limits: { atOnce: number; waiting: number }): InTurn {
  const line: (() => void)[] = []
  let free = limits.atOnce
  return async work => {
    if (free > 0) free -= 1
    else if (line.length < limits.waiting) await new Promise<void>(resolve => line.push(resolve))
    else throw new Error(`too many ${what} wait: ${limits.waiting}`)
    try {
      return await work()
    } finally {
      // A turn goes from hand to hand: who comes between could overtake the line.
      const next = line.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
