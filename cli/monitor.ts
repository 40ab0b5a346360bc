/** `monitor`: what happens, as it happens. */
import { setTimeout as wait } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { Event, ReadyMessage } from '../server/operations/event.ts'
import { type EventKind, eventKinds } from '../server/operations/event-kind.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { escapeLine } from './escape.ts'
import { examples } from './help.ts'
import { describeFailure } from './report.ts'
import { formatDuration, formatTime } from './time.ts'

interface Options {
  readonly kinds?: readonly EventKind[]
  readonly since?: string
}

/** What a stream tells: events, and where it begins. */
export type Message = Event | ReadyMessage

/** Follows one stream until it ends; a place in it is what it gave last. */
export type Follow = (since: string | undefined) => AsyncGenerator<Message>

/** Adds the command. */
export function addMonitor(program: Command, run: Run): void {
  program
    .command('monitor')
    .description('show what happens as it happens: sessions, logins, throttle, configuration')
    .option('--kinds <kinds>', `only these, with commas between: ${eventKinds.join(', ')}`, parseKinds)
    .option('--since <id>', 'first what came after that event, of the last thousand')
    .addHelpText(
      'after',
      examples(
        ['postern monitor', 'everything that you may hear of, until Ctrl-C'],
        ['postern monitor --kinds login --json', 'for programs: one JSON object a line'],
      ),
    )
    .action(run(monitor))
}

function parseKinds(text: string): EventKind[] {
  const kinds = text.split(',')
  const known = eventKinds.filter(kind => kinds.includes(kind))
  if (known.length !== new Set(kinds).size) throw new InvalidArgumentError(`expected some of ${eventKinds.join(', ')}.`)
  return known
}

const firstPauseMs = 250
const longestPauseMs = 10_000

/** Follows for ever. What ends a stream is tried again, except at the first time: then it is said. */
async function monitor(context: Context, { kinds, since: given }: Options): Promise<undefined> {
  const follow = context.needsNoLogin ? followLink(context) : await followHttp(context)
  let since = given
  let pauseMs = firstPauseMs
  let hasBegun = false
  for (;;) {
    try {
      for await (const message of follow(since)) {
        hasBegun = true
        since = message.id
        pauseMs = firstPauseMs
        show(context, message, kinds)
      }
    } catch (fault) {
      const { exit, message } = describeFailure(fault)
      if (!hasBegun || (exit !== 'unreachable' && exit !== 'later')) throw fault
      if (pauseMs === firstPauseMs) context.say(`postern: ${message}; it is tried again`)
    }
    await wait(pauseMs)
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }
}

function show(context: Context, message: Message, kinds: readonly EventKind[] | undefined): void {
  if (message.kind === 'ready') {
    if (!message.missed) return
    context.say('postern: there were events that nobody has kept')
    if (context.isJson) context.print(message, '')
  } else if (kinds === undefined || kinds.includes(message.kind)) context.print(message, formatEvent(message))
}

/** Over HTTP, with the stored login. */
async function followHttp(context: Context): Promise<Follow> {
  const connection = await context.connectHttp()
  // Says what is wrong with the login as every command does, and renews it.
  requireYes(await connection.call('session.current', {}))
  const { createFollow } = await import('./event-stream.ts')
  return createFollow(context.place, connection)
}

/** How often root.sock is asked, in milliseconds. */
const askMs = 500

/** Over root.sock, which pushes nothing: it is asked what came since, twice a second. */
function followLink(context: Context): Follow {
  return async function* (given) {
    const { call, close } = await context.connect()
    try {
      let since = given
      for (;;) {
        const { from, head, events } = requireYes(await call('event.subscribe', { ...(since && { since }) }))
        const missed = since !== undefined && since !== from
        if (since === undefined || missed) yield { id: from, time: new Date().toISOString(), kind: 'ready', missed }
        yield* events
        since = head
        await wait(askMs)
      }
    } finally {
      close()
    }
  }
}

/** An event as a line for people. */
export function formatEvent(event: Event): string {
  const words = [formatTime(event.time), event.kind.padEnd(8), event.action.padEnd(8), ...wordsOf(event)]
  return `${words.map(escapeLine).join('  ')}\n`
}

function wordsOf(event: Event): string[] {
  switch (event.kind) {
    case 'session':
      return [event.user.name, `${event.session_kind} from ${event.source}`, event.session]
    case 'login':
      return [event.user?.name ?? 'somebody unknown', `from ${event.source}`]
    case 'throttle':
      return event.action === 'blocked'
        ? [`${event.source ?? '-'}`, `for ${formatDuration(event.retry_after)}, ${event.failures} failures`]
        : [event.source ?? event.account ?? 'everybody']
    case 'config':
      return event.restart_needed.length > 0 ? [`waits for a restart: ${event.restart_needed.join(', ')}`] : []
  }
}
