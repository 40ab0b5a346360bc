/** One spelling for the account that an attempt is aimed at, whatever the client typed. */
import { createHash } from 'node:crypto'

const LONGEST = 64

/**
 * The key under which attempts at an account are counted. Case and compatibility forms fold together: some directories
 * ignore them, so that ALICE would otherwise be further guesses at alice; two accounts that share a key are only slowed
 * together. A key is never upper case, and at most 71 characters long.
 */
export function accountKey(name: string): string {
  const folded = name.normalize('NFKC').toLowerCase()
  return folded.length <= LONGEST ? folded : `sha256:${createHash('sha256').update(folded).digest('hex')}`
}
