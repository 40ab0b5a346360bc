/** Turns at an account, for the tests: who asks for one, and what became of it. */
import * as assert from 'uvu/assert'
import { type AccountLimits, AccountTable, type Turn } from '../../../server/keeper/throttle/account.ts'
import { parseSource, type Source } from '../../../server/keeper/throttle/source.ts'
import { DEFAULT_THROTTLE_LIMITS } from '../../../server/keeper/throttle/throttle.ts'
import { createFakeTime } from './fake-time.ts'

/** Where the owner of the account `alice` comes from. */
export const owner = parseSource('198.51.100.1')
/** The owner at their own uid. */
export const ownUid = parseSource(1000)
/** The accounts of this machine: uid 1000 is alice's, 1001 bob's. */
export const findName = async (uid: number) => ({ 1000: 'Alice', 1001: 'bob' })[uid] ?? null

/** A table of accounts in a time that the test moves, and the asking for a turn at it. */
export function make(limits: Partial<AccountLimits> = {}) {
  const time = createFakeTime()
  const table = new AccountTable(time.clock, time.timer, { ...DEFAULT_THROTTLE_LIMITS, ...limits }, () => {}, findName)
  const ask = (source: Source, options: { local?: boolean; signal?: AbortSignal; account?: string } = {}) =>
    table.admit({ account: 'alice', source, local: false, ...options })
  return { time, table, ask }
}

/** The source of the n-th stranger. */
export const strangerNumber = (n: number) => parseSource(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)

/** Takes all turns that are there at once. */
export async function exhaust(ask: (source: Source) => Promise<Turn>): Promise<void> {
  for (let i = 0; i < 10; i++) assert.is((await ask(strangerNumber(i))).ok, true)
}

/** Whether a promise is settled, and with what. */
export function watch(turn: Promise<Turn>): { state: () => string } {
  let state = 'waiting'
  void turn.then(answer => {
    state = answer.ok ? 'let in' : answer.reason
  })
  return { state: () => state }
}
