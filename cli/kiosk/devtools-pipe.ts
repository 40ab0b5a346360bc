/**
 * Chromium's DevTools protocol over its pipe: commands go into file descriptor 3, events come from 4, each JSON and ended by
 * a NUL. It is asked for nothing but to tell of its pages, since it stays on the screen with a page that has crashed.
 */
import type { ChildProcess } from 'node:child_process'
import { Readable, Writable } from 'node:stream'

/** An event is small; whoever sends more without an end is no Chromium. In characters. */
const maxLength = 1 << 20

/** Calls `crashed` when the process that draws a page of the browser has ended by a fault or was killed. */
export function whenPageCrashed({ stdio: [, , , commands, events] }: ChildProcess, crashed: () => void): void {
  if (!(commands instanceof Writable && events instanceof Readable)) throw new TypeError('expected pipes as 3 and 4')
  // A browser that has ended breaks its pipes: that is seen elsewhere.
  for (const pipe of [commands, events]) pipe.on('error', () => {})
  commands.write('{"id":1,"method":"Target.setDiscoverTargets","params":{"discover":true}}\0')
  let rest = ''
  events.setEncoding('utf8').on('data', chunk => {
    const messages = (rest + chunk).split('\0')
    rest = (messages.pop() ?? '').slice(0, maxLength)
    if (messages.some(isCrash)) crashed()
  })
}

function isCrash(message: string): boolean {
  try {
    return (JSON.parse(message) as { method?: unknown }).method === 'Target.targetCrashed'
  } catch {
    return false
  }
}
