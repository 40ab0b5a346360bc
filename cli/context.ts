/** What every command is given: its options, the way to the daemon, and where its words go. */
import type { AnswerOf } from '../server/operations/operation.ts'
import type { Reason } from '../server/operations/reason.ts'
import {
  type Connection,
  connect,
  connectHttp,
  findLinkInstance,
  type HttpConnection,
  type Place,
} from './connection.ts'
import { escapeLines, stringify } from './escape.ts'
import { type Exit, exits } from './exit.ts'
import { CommandFault, RefusedFault } from './fault.ts'
import { loginKey } from './remote-key.ts'
import { describeFailure, formatProblem, formatReport } from './report.ts'

/** The options that every command has. */
export interface GlobalOptions {
  readonly json?: true
  readonly runtime?: string
  readonly http?: true
  readonly host?: string
  readonly fingerprint?: string
  readonly insecure?: true
}

export class Context {
  readonly place: Place
  readonly isJson: boolean
  readonly #open: Connection[] = []

  constructor(place: Place, isJson: boolean) {
    this.place = place
    this.isJson = isJson
  }

  /** The way that is right for who runs the command; closed when it ends. */
  connect(): Promise<Connection> {
    return this.#keep(connect(this.place))
  }

  /** Whether commands go over root.sock: who runs this needs no login. */
  get needsNoLogin(): boolean {
    return findLinkInstance(this.place) !== null
  }

  /** The other machine's address; null for an instance of this one. */
  get host(): string | null {
    return this.place.remote && loginKey(this.place.remote)
  }

  /** For a command that looks at the machine it runs on: throws a `CommandFault` when another one is named. */
  requireThisMachine(command: string): void {
    if (this.host === null) return
    const hint = 'run it there; for this machine, leave out --host and POSTERN_HOST'
    throw new CommandFault('usage', `postern ${command} is about this machine alone, not ${this.host}`, hint)
  }

  /** HTTP with the stored login, also for root. */
  connectHttp(): Promise<HttpConnection> {
    return this.#keep(connectHttp(this.place))
  }

  /** The result: `value` as one line of JSON with `--json`, else `text`, which must be harmless for a terminal. */
  print(value: unknown, text: string): void {
    process.stdout.write(this.isJson ? `${stringify(value)}\n` : text)
  }

  /** Talk: a line for people on stderr. */
  say(text: string): void {
    process.stderr.write(`${escapeLines(text)}\n`)
  }

  close(): void {
    for (const connection of this.#open.splice(0)) connection.close()
  }

  async #keep<C extends Connection>(opening: Promise<C>): Promise<C> {
    const connection = await opening
    this.#open.push(connection)
    return connection
  }
}

/** The value of a yes. Throws a `RefusedFault` for a no. */
export function requireYes<T>(answer: AnswerOf<T, Reason>): T {
  if (answer.ok) return answer.value
  throw new RefusedFault(answer)
}

/** A command's work: gives its exit, or nothing for `ok`. */
export type Body<A extends unknown[]> = (context: Context, ...args: A) => Promise<Exit | undefined>

/** Makes a command's action of its work. */
export type Run = <A extends unknown[]>(body: Body<A>) => (...args: A) => Promise<void>

/** Runs a command's work to its end: prints what went wrong and sets the exit status of the process. */
export async function runCommand(
  context: Context,
  body: (context: Context) => Promise<Exit | undefined>,
): Promise<void> {
  try {
    finish((await body(context)) ?? 'ok')
  } catch (fault) {
    reportFailure(fault, context.isJson, context.host)
  } finally {
    context.close()
  }
}

/** Says on stderr, and with `isJson` on stdout, what went wrong at `host`; sets the exit status of the process. */
export function reportFailure(fault: unknown, isJson: boolean, host: string | null = null): void {
  const report = describeFailure(fault, host)
  if (report.exit !== 'interrupted') process.stderr.write(formatReport(report))
  if (isJson) process.stdout.write(formatProblem(report))
  finish(report.exit)
}

function finish(exit: Exit): void {
  process.exitCode = exits[exit].status
}
