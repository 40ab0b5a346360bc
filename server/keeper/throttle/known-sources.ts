/** Which sources have logged in to which account before: the last few of each, and a bounded number of accounts. */
import { isSharedSource, type Source } from './source.ts'

/** A bounded memory; only a successful login writes to it. */
export class KnownSources {
  readonly #maxAccounts: number
  readonly #perAccount: number
  readonly #byAccount = new Map<string, Source[]>()

  constructor(maxAccounts: number, perAccount: number) {
    this.#maxAccounts = maxAccounts
    this.#perAccount = perAccount
  }

  /** The sources of an account, the latest last. */
  of(account: string): readonly Source[] {
    return this.#byAccount.get(account) ?? []
  }

  /** The accounts that have any, the one whose last change is the longest ago first: that one is pushed out. */
  accounts(): string[] {
    return [...this.#byAccount.keys()]
  }

  /** Remembers a login. Returns the accounts whose memory changed, one that was pushed out included. */
  add(account: string, source: Source): string[] {
    const before = this.of(account)
    // A source that strangers share would make each of them preferred.
    if (isSharedSource(source) || before.at(-1) === source) return []
    this.set(account, [...before.filter(known => known !== source), source])
    return [account, ...this.#trim()]
  }

  /** Puts the memory of an account back. */
  set(account: string, sources: readonly Source[]): void {
    this.#byAccount.delete(account)
    this.#byAccount.set(account, sources.slice(-this.#perAccount))
  }

  #trim(): string[] {
    const pushedOut = this.accounts().slice(0, Math.max(0, this.#byAccount.size - this.#maxAccounts))
    for (const account of pushedOut) this.#byAccount.delete(account)
    return pushedOut
  }
}
