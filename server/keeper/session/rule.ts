/** When a session, and an access or refresh token of it, is over: by the clocks of this boot, not by the token's `exp`. */
import type { Clock } from '../clock.ts'
import { elapsedMs } from '../instant.ts'
import type { Grant } from '../store/grant.ts'
import type { Session } from '../store/session.ts'

/** Milliseconds until the session ends by its lifetime or by idleness; 0 or less when it is over. */
export function sessionRemainingMs(session: Session, clock: Clock): number {
  const absolute = session.lifetimeMs - elapsedMs(session.began, clock)
  const idle = session.idleMs === null ? Number.POSITIVE_INFINITY : session.idleMs - elapsedMs(session.used, clock)
  return Math.min(absolute, idle)
}

/** Milliseconds until the access token of `grant` ends; 0 or less when it is over. */
export function accessRemainingMs(grant: Grant, session: Session, clock: Clock): number {
  return Math.min(grant.accessMs - elapsedMs(grant.issued, clock), sessionRemainingMs(session, clock))
}

/** Milliseconds until the access token of `grant` ends at the latest, however much it is used: what is told to who holds it. */
export function longestRemainingMs(grant: Grant, session: Session, clock: Clock): number {
  const absolute = session.lifetimeMs - elapsedMs(session.began, clock)
  return Math.min(grant.accessMs - elapsedMs(grant.issued, clock), absolute)
}

/** Milliseconds until the refresh token of `grant` ends; 0 or less when it is over or there is none. */
export function refreshRemainingMs(grant: Grant, session: Session, clock: Clock): number {
  if (grant.refreshMs === null) return 0
  return Math.min(grant.refreshMs - elapsedMs(grant.issued, clock), sessionRemainingMs(session, clock))
}

/** For how long after a refresh its lost answer may be asked for again. */
export const lostAnswerMs = 10_000

/** What to do with a refresh token: rotate it, replace the successor whose answer was lost, or end the session. */
export type RefreshVerdict = 'rotate' | 'replace' | 'reuse' | 'over'

/**
 * Judges a refresh (RFC 9700 §4.14.2). Reuse of a spent token means that two hold it: the session ends, except when the
 * same source asks again at once and nobody has used what it was given (a client that lost the answer).
 */
export function judgeRefresh(
  grant: Grant,
  session: Session,
  asked: { readonly source: string; readonly successorUsed: boolean },
  clock: Clock,
): RefreshVerdict {
  if (refreshRemainingMs(grant, session, clock) <= 0) return 'over'
  if (grant.spent === null) return 'rotate'
  const isLostAnswer =
    elapsedMs(grant.spent.at, clock) < lostAnswerMs && grant.spent.source === asked.source && !asked.successorUsed
  return isLostAnswer ? 'replace' : 'reuse'
}
