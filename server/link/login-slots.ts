/** The logins in flight on one link, as both ends count them: neither this machine's nor others' may be all of them. */
import { maxLoginsInFlight, maxLoginsOfOneKind } from './message.ts'

/** Counts them. */
export class LoginSlots {
  #local = 0
  #remote = 0

  /** Takes one for a request from this machine or from elsewhere; false when there is none for it. */
  take(isLocal: boolean): boolean {
    const ofItsKind = isLocal ? this.#local : this.#remote
    if (ofItsKind >= maxLoginsOfOneKind || this.#local + this.#remote >= maxLoginsInFlight) return false
    this.#add(isLocal, 1)
    return true
  }

  /** Gives one back. */
  free(isLocal: boolean): void {
    this.#add(isLocal, -1)
  }

  #add(isLocal: boolean, count: 1 | -1): void {
    if (isLocal) this.#local += count
    else this.#remote += count
  }
}
