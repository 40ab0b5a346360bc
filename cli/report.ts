/** How a command that failed says so: a sentence and a hint on stderr, with `--json` also a problem (RFC 9457) on stdout. */
import { ClientError } from '../server/client/error.ts'
import { type Reason, reasons } from '../server/operations/reason.ts'
import { escapeLine, escapeLines, stringify } from './escape.ts'
import { type Exit, exits } from './exit.ts'
import { CommandFault, RefusedFault } from './fault.ts'
import { formatDuration } from './time.ts'

/** Everything there is to say about a failure. */
export interface Report {
  readonly exit: Exit
  readonly message: string
  readonly hint: string | undefined
  /** For programs: the refusal as HTTP has it, or the exit's name as `code`. */
  readonly problem: { readonly [member: string]: unknown }
}

/** For people, what `a valid token is needed` comes to. */
const notLoggedIn = 'you are not logged in, or the login has ended'

/** The command that logs in where `host` is: another machine's address, or null for this one. */
export function loginCommand(host: string | null): string {
  return host === null ? 'postern login' : `postern login --host ${host}`
}

/**
 * Whatever was thrown, as a report. A fault that nobody foresaw brings its stack: it is a bug. `host` is the address of the
 * other machine that the command was for.
 */
export function describeFailure(thrown: unknown, host: string | null = null): Report {
  if (thrown instanceof RefusedFault) return describeRefusal(thrown, host)
  if (thrown instanceof CommandFault) return local(thrown.exit, thrown.message, thrown.hint)
  if (thrown instanceof ClientError) return describeClientError(thrown, host)
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined
  if (thrown instanceof Error && code !== undefined && /^E[A-Z]+$/.test(code)) return local('storage', thrown.message)
  return local('fault', thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown))
}

/** The lines for stderr. */
export function formatReport({ message, hint }: Report): string {
  const error = `postern: error: ${escapeLines(message)}\n`
  return hint === undefined ? error : `${error}postern: hint: ${escapeLine(hint)}\n`
}

/** The line for stdout with `--json`. */
export function formatProblem({ problem }: Report): string {
  return `${stringify(problem)}\n`
}

function local(exit: Exit, message: string, hint?: string): Report {
  const title = exits[exit].meaning
  const problem = { type: `urn:postern:problem:${exit}`, title, detail: message, code: exit, ...(hint && { hint }) }
  return { exit, message, hint, problem }
}

function describeClientError({ code, message }: ClientError, host: string | null): Report {
  if (code === 'protocol') return local('fault', message, 'is something else than this postern listening there?')
  const isThere = 'is the daemon running there, and does it serve other machines? postern remote on'
  return local('unreachable', message, host === null ? 'is the daemon running? systemctl status postern' : isThere)
}

function describeRefusal({ refusal, exit }: RefusedFault, host: string | null): Report {
  const { reason, detail, more } = refusal
  const { status, title } = reasons[reason]
  const type = `urn:postern:problem:${reason}`
  return {
    exit,
    message: reason === 'unauthenticated' ? notLoggedIn : detail === undefined ? title : `${title}: ${detail}`,
    hint: hintFor(reason, more, host),
    problem: { type, title, status, ...(detail && { detail }), code: reason, ...more },
  }
}

function hintFor(
  reason: Reason,
  more: { readonly [member: string]: unknown } | undefined,
  host: string | null,
): string | undefined {
  const wait = more?.retry_after
  if (typeof wait === 'number') return `try again in ${formatDuration(wait)}`
  if (reason === 'unauthenticated' || reason === 'refresh_failed') return `log in with: ${loginCommand(host)}`
  if (reason === 'reauthentication_required') return `log in again with: ${loginCommand(host)}`
  if (reason === 'forbidden') return 'postern whoami says what you may do'
  return undefined
}
