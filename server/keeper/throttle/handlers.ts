/** The handlers of the throttle operations. */
import { yes } from '../../operations/operation.ts'
import type { Output } from '../../operations/table.ts'
import type { Clock } from '../clock.ts'
import type { HandlersOf } from '../dispatch.ts'
import { toRfc3339 } from '../instant.ts'
import { pageOf } from '../page.ts'
import { parseSource } from './source.ts'
import type { Throttle } from './throttle.ts'

type Penalty = Output<'throttle.list'>['items'][number]

function listPenalties(throttle: Throttle, clock: Clock): Penalty[] {
  const until = (seconds: number) => (seconds > 0 ? toRfc3339(clock.wallMs() + seconds * 1000) : null)
  const { sources, accounts } = throttle.list()
  return [
    ...sources.map(({ source, failures, retryAfterSeconds: wait, accounts: tried }) => ({
      source,
      account: tried.join(', ') || null,
      failures,
      blocked_until: until(wait),
      retry_after: wait,
    })),
    ...accounts.map(({ account, delaySeconds: wait, waiting }) => ({
      source: null,
      account,
      failures: waiting,
      blocked_until: until(wait),
      retry_after: wait,
    })),
  ]
}

/** A source as the table has it, from how people write it: `203.0.113.7`, `2001:db8::1`, or as `throttle.list` shows it. */
function sourceKey(given: string): string {
  const source = parseSource(given)
  return source === 'unknown' ? given : source
}

/** The handlers. */
export function throttleHandlers({ throttle, clock }: { throttle: Throttle; clock: Clock }): HandlersOf<'throttle.'> {
  return {
    'throttle.list': async input => pageOf(listPenalties(throttle, clock), input),
    'throttle.clear': async ({ source, account }) =>
      yes({
        cleared: throttle.clear({
          ...(source !== undefined && { source: sourceKey(source) }),
          ...(account !== undefined && { account }),
        }),
      }),
  }
}
