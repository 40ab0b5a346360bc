/** Waiting, handed to the rules that wait, so that a test can move time. */

/** Calls `fire` once after `delayMs`, unless the returned function cancels it first. */
export type Timer = (delayMs: number, fire: () => void) => () => void

/** The event loop's own timer. It keeps the process alive until it fires. */
export const systemTimer: Timer = (delayMs, fire) => {
  const handle = setTimeout(fire, delayMs)
  return () => clearTimeout(handle)
}
