/** The log lines of both programs: to stderr, with the priorities that journald reads (sd-daemon(3)). */

const priorities = { error: 3, warn: 4, info: 6, debug: 7 } as const

export type Level = keyof typeof priorities

/** Writes one line. Facts follow as JSON; secrets never belong in either. */
export type Log = (level: Level, message: string, facts?: { readonly [fact: string]: unknown }) => void

/** The longest line, in characters. */
const maxLine = 4096

/** A log that leaves out what is less grave than `level()`. `journal` puts the priority in front. */
export function createLog(program: string, level: () => Level, journal: boolean): Log {
  return (grave, message, facts) => {
    if (priorities[grave] > priorities[level()]) return
    // Control characters would let a client write lines of its own.
    const text = `${message}${facts ? ` ${JSON.stringify(facts)}` : ''}`.replace(
      /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
      '?',
    )
    process.stderr.write(`${journal ? `<${priorities[grave]}>` : `${program}: ${grave}: `}${text.slice(0, maxLine)}\n`)
  }
}
