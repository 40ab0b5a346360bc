/** Programs and other work: run, timed, tried again. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs a program to its end; rejects when its exit status is not 0. */
export const run = promisify(execFile)

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

/** Tries again after each fault, 100 ms later; the last one is thrown after 50 such pauses. */
export async function retry<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 50; ; left -= 1) {
    try {
      return await work()
    } catch (fault) {
      if (left === 0) throw fault
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}
