/** The keeper's upkeep on a real store and real files, with a clock and rounds that a test moves. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Audit, createAudit } from '../../server/keeper/audit/audit.ts'
import { Kiosk } from '../../server/keeper/kiosk/kiosk.ts'
import { createThrottleSaver, startMaintenance } from '../../server/keeper/maintenance.ts'
import { RootToken } from '../../server/keeper/root-token/root-token.ts'
import type { Store } from '../../server/keeper/store/store.ts'
import { parseSource } from '../../server/keeper/throttle/source.ts'
import { createThrottle, DEFAULT_THROTTLE_LIMITS, type Throttle } from '../../server/keeper/throttle/throttle.ts'
import { Tickets } from '../../server/keeper/ticket/tickets.ts'
import { createHouse, found, type House } from './session/house.ts'

/** Rounds of upkeep, one at a time, when the test says so. */
class Rounds {
  #planned: (() => void) | null = null
  #whenPlanned = () => {}
  readonly delays: number[] = []

  readonly timer = (delayMs: number, fire: () => void) => {
    this.delays.push(delayMs)
    this.#planned = fire
    this.#whenPlanned()
    return () => {
      this.#planned = null
    }
  }

  get isPlanned(): boolean {
    return this.#planned !== null
  }

  /** Begins the next one and does not wait. */
  begin(): void {
    const fire = found(this.#planned)
    this.#planned = null
    fire()
  }

  /** Runs the next one to its end. */
  run(): Promise<void> {
    const over = new Promise<void>(resolve => {
      this.#whenPlanned = resolve
    })
    this.begin()
    return over
  }
}

export interface Upkeep {
  house: House
  rounds: Rounds
  runtime: string
  audit: Audit
  throttle: Throttle
  /** What was said to the log, and the lines for the journal. */
  said: string[]
  journal: string[]
  start(store?: Store): Promise<() => Promise<void>>
}

export async function createUpkeep(): Promise<Upkeep> {
  const house = await createHouse()
  const { clock } = house
  const [runtime, rounds] = [join(house.directory, 'run'), new Rounds()]
  const said: string[] = []
  const journal: string[] = []
  mkdirSync(runtime, { mode: 0o755 })
  const throttle = makeThrottle(house)
  const file = join(house.directory, 'audit.log')
  const audit = await createAudit({
    file,
    clock,
    heads: house.store.auditHead,
    journal: line => journal.push(line),
    rotateBytes: 1 << 20,
  })
  const start = async (store = house.store) => {
    const { sessions, keys } = house
    const account = { name: 'root', uid: 0, gid: 0, groups: ['root'] }
    const rootToken = new RootToken({ runtimeDirectory: runtime, sessions, store, clock, random: randomBytes, account })
    await rootToken.start()
    const log = (_level: string, text: string) => void said.push(text)
    const saveThrottle = createThrottleSaver(throttle, store)
    const common = { store, sessions, clock, random: randomBytes, findAccount: async () => null }
    const tickets = new Tickets({ ...common, mayLogIn: () => true, kioskUser: () => null })
    const kiosk = new Kiosk({ ...common, tickets, runtimeDirectory: runtime, settings: () => null })
    const idle = { tick: async () => {} }
    const others = { tls: idle, issue: idle, audit, clock, log }
    const parts = { store, sessions, keys, saveThrottle, rootToken, tickets, kiosk, ...others }
    return startMaintenance({ ...parts, timer: rounds.timer })
  }
  return { house, rounds, runtime, audit, throttle, said, journal, start }
}

export function makeThrottle({ clock }: House): Throttle {
  return createThrottle({ clock, timer: () => () => {}, limits: DEFAULT_THROTTLE_LIMITS })
}

export async function failOnce(throttle: Throttle, source: string): Promise<void> {
  const answer = await throttle.begin({ source: parseSource(source), account: 'alice', local: false })
  if (!answer.ok) throw new Error(answer.reason)
  answer.attempt.settle('failed')
}
