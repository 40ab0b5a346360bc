/** The log lines of both programs: to stderr, with the priorities that journald reads (sd-daemon(3)). */

const priorities = { error: 3, warn: 4, info: 6, debug: 7 } as const

export type Level = keyof typeof priorities

/** Writes one line. Facts follow as JSON; secrets never belong in either. */
export type Log = (level: Level, message: string, facts?: { readonly [fact: string]: unknown }) => void

/** The longest line, in characters. */
const maxLine = 4096

/** Writes audit lines that have no other place: whole, at every level, for journald with the priority of a notice. */
export function createRecorder(program: string, journal: boolean): (line: string) => void {
  return line => process.stderr.write(`${journal ? '<5>' : `${program}: `}audit ${line}\n`)
}

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
