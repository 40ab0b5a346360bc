/**
 * Chromium's DevTools protocol over its pipe: commands go into file descriptor 3, events come from 4, each JSON and ended by
 * a NUL. It is asked to tell of its pages, since it stays on the screen with a page that has crashed, and to close all but the
 * first: a link that is clicked with Shift or Ctrl held opens another, and no policy and no option forbids that.
 */
import type { ChildProcess } from 'node:child_process'
import { Readable, Writable } from 'node:stream'

/** An event is small; whoever sends more without an end is no Chromium. In characters. */
const maxLength = 1 << 20

/** Keeps a browser to its first page. Calls `crashed` when the process that draws a page has ended by a fault or was killed. */
export function watchPages({ stdio: [, , , commands, events] }: ChildProcess, crashed: () => void): void {
  if (!(commands instanceof Writable && events instanceof Readable)) throw new TypeError('expected pipes as 3 and 4')
  // A browser that has ended breaks its pipes: that is seen elsewhere.
  for (const pipe of [commands, events]) pipe.on('error', () => {})
  commands.write('{"id":1,"method":"Target.setDiscoverTargets","params":{"discover":true}}\0')
  let first: string | null = null
  const isAnother = (id: string) => {
    first ??= id
    return id !== first
  }
  let rest = ''
  events.setEncoding('utf8').on('data', chunk => {
    const messages = (rest + chunk).split('\0')
    rest = (messages.pop() ?? '').slice(0, maxLength)
    for (const { method, params } of messages.map(parseEvent)) {
      if (method === 'Target.targetCrashed') crashed()
      const page = method === 'Target.targetCreated' ? pageOf(params) : null
      if (page !== null && isAnother(page)) commands.write(`${JSON.stringify(closing(page))}\0`)
    }
  })
}

const closing = (targetId: string) => ({ id: 2, method: 'Target.closeTarget', params: { targetId } })

function parseEvent(message: string): { method?: unknown; params?: unknown } {
  try {
    return JSON.parse(message) ?? {}
  } catch {
    return {}
  }
}

/** The id of what is a page on the screen; null for workers, and for a page that is only being prepared. */
function pageOf(params: unknown): string | null {
  const { targetInfo } = (params ?? {}) as { targetInfo?: { targetId: string; type: string; subtype?: string } }
  return targetInfo?.type === 'page' && targetInfo.subtype === undefined ? targetInfo.targetId : null
}
