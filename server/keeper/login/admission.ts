/** Who may have a PAM child: a bounded number, few for each source, some kept for this machine, and nobody holds one by being slow. */
import type { Clock } from '../clock.ts'
import type { Source } from '../throttle/source.ts'

/**
 * Children at once, children at once for one source, children that only local requests get (and, as far as there are as many
 * beside them, only others), and the wait that a refusal names.
 */
export interface AdmissionLimits {
  readonly children: number
  readonly perSource: number
  readonly keptForLocal: number
  readonly retryAfterSeconds: number
}

/** Who asks. `evict` is called, once at most, when the place goes to somebody else: the caller kills the child at once. */
export interface AdmissionRequest {
  readonly source: Source
  readonly local: boolean
  evict(): void
}

/** A place for one child. */
export interface Lease {
  /** Says whether the child waits for the client's answer (and may be evicted) or computes. A new lease computes. */
  setWaiting(isWaiting: boolean): void
  /** Gives the place back; further calls, and a call after an eviction, do nothing. */
  release(): void
}

/** The places. All calls are synchronous. */
export interface Admission {
  /**
   * Gives a place, if need be that of the conversation that has waited longest: of the same source when that has all it
   * may have, else of any remote one. Where that leaves none for a local source that has none, a local one goes: one that
   * its source has beside another, or that has waited for ten seconds. An evicted place counts as free at once, although
   * its child takes a moment to die.
   */
  acquire(
    request: AdmissionRequest,
  ):
    | { readonly ok: true; readonly lease: Lease }
    | { readonly ok: false; readonly reason: 'busy'; readonly retryAfterSeconds: number }
  /** Places taken, of these by remote requests, of these waiting for their client. */
  count(): { readonly taken: number; readonly remote: number; readonly waiting: number }
}

/** So long has a person at this machine to answer before somebody else there may have the place, in milliseconds. */
const fairWaitMs = 10_000

interface Place {
  readonly request: AdmissionRequest
  waitingSinceMs: number | null
}

/** Makes an admission with every place free. Throws a TypeError when the limits leave no place. */
export function createAdmission(options: { clock: Clock; limits: AdmissionLimits }): Admission {
  const { clock, limits } = options
  if (limits.children <= limits.keptForLocal || limits.perSource < 1)
    throw new TypeError('admission needs more children than are kept for local requests, and one a source')
  const places = new Set<Place>()

  const hasRoom = () => places.size < limits.children
  const isRemote = ({ request }: Place) => !request.local

  /** Neither kind of request may take the places that are kept for the other. */
  function isWithinShare({ local }: AdmissionRequest): boolean {
    const unkept = limits.children - limits.keptForLocal
    const most = local ? Math.max(limits.keptForLocal, unkept) : unkept
    return count(places, place => place.request.local === local) < most
  }

  function heldBy(source: Source): number {
    return count(places, place => place.request.source === source)
  }

  function makeRoom(isCandidate: (place: Place) => boolean): boolean {
    const victim = longestWaiting(places, isCandidate)
    if (victim === null) return false
    places.delete(victim)
    victim.request.evict()
    return true
  }

  /** Whether a local conversation may go for another source of this machine. */
  function mayYield({ request, waitingSinceMs }: Place): boolean {
    const nowMs = clock.monotonicMs()
    const hadTime = nowMs - (waitingSinceMs ?? nowMs) >= fairWaitMs
    return request.local && (hadTime || heldBy(request.source) > 1)
  }

  function hasPlaceFor(request: AdmissionRequest): boolean {
    const { source, local } = request
    if (heldBy(source) >= limits.perSource && !makeRoom(place => place.request.source === source)) return false
    if (!local) return (isWithinShare(request) && hasRoom()) || makeRoom(isRemote)
    if (isWithinShare(request) && (hasRoom() || makeRoom(isRemote))) return true
    return heldBy(source) === 0 && makeRoom(mayYield)
  }

  return {
    acquire(request) {
      if (!hasPlaceFor(request)) return { ok: false, reason: 'busy', retryAfterSeconds: limits.retryAfterSeconds }
      const place: Place = { request, waitingSinceMs: null }
      places.add(place)
      const setWaiting = (isWaiting: boolean) => {
        place.waitingSinceMs = isWaiting ? clock.monotonicMs() : null
      }
      return { ok: true, lease: { setWaiting, release: () => void places.delete(place) } }
    },
    count: () => ({
      taken: places.size,
      remote: count(places, isRemote),
      waiting: count(places, place => place.waitingSinceMs !== null),
    }),
  }
}

function count(places: Set<Place>, matches: (place: Place) => boolean): number {
  return [...places].filter(matches).length
}

function longestWaiting(places: Set<Place>, isCandidate: (place: Place) => boolean): Place | null {
  let longest: Place | null = null
  for (const place of places) {
    if (place.waitingSinceMs === null || !isCandidate(place)) continue
    if (longest?.waitingSinceMs == null || place.waitingSinceMs < longest.waitingSinceMs) longest = place
  }
  return longest
}
