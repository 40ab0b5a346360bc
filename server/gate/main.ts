/** posternd --gate: from privileges to listening sockets. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { getRequestListener } from '@hono/node-server'
import { createLog } from '../link/log.ts'
import type { GateOrder, GateSettings } from '../link/message.ts'
import { createApp } from './app.ts'
import { withCheck } from './check.ts'
import { createUpgradeHandler } from './event/upgrade.ts'
import { Gate } from './gate.ts'
import { countPassed, finishServing, Listeners, serveUpgrades } from './listener.ts'
import { withPlainDecision } from './plain.ts'
import { dropPrivileges, requireNotRoot } from './privilege.ts'

/** Where the keeper is and who to be: as systemd's unit has it, or as the keeper that spawned us says on stdin. */
function readOrder(): GateOrder {
  const { values } = parseArgs({ options: { gate: { type: 'boolean' }, order: { type: 'boolean' } } })
  if (values.order !== true) return { runtime: '/run/postern', worker: 0, workers: 1, user: null }
  const text = readFileSync(0, 'utf8')
  // The keeper ended before it gave one.
  if (text === '') process.exit(1)
  return JSON.parse(text) as GateOrder
}

const { runtime, worker, workers, user } = readOrder()
if (user !== null) dropPrivileges(user)
requireNotRoot()

/** Who spawned us: the keeper, or systemd. */
const parent = process.ppid
/** How long a gate whose keeper fell goes on telling that it is not there. */
const orphanMs = 60_000

/** Whether the keeper that spawned us is gone. The next one spawns gates of its own, and they want our port. */
function isOrphan(): boolean {
  return process.ppid !== parent
}

let level: GateSettings['log_level'] = 'info'
const log = createLog('postern-gate', () => level, process.env.JOURNAL_STREAM !== undefined)
const passed = countPassed(process.env, process.pid)

/** How long who knocks waits for the keeper, before they are told that it is not there. */
const patienceMs = 3000
/** How long a gate that is told to stop goes on with what it has begun. */
const graceMs = 1500

const gate = new Gate({
  keeperSocket: join(runtime, 'keeper.sock'),
  log,
  onReached: () => isOrphan() && process.exit(0),
  onSettings: ({ settings }) => {
    level = settings.log_level
    serve(settings).catch(fail)
  },
})
const app = createApp(gate, log)
const answer = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0])
// Before there is a server.
serveUpgrades(createUpgradeHandler(gate, log))
const listeners = new Listeners({
  handlers: withPlainDecision(gate, withCheck(gate, answer)),
  log,
  passed,
  // Whoever passes sockets may run several gates.
  isShared: workers > 1 || passed > 0,
  opensUnix: worker === 0,
})

async function serve({ listen, tls }: GateSettings): Promise<void> {
  const names = await listeners.follow(listen, tls)
  // Where systemd passed sockets none may fit: the gate stays, for systemd would start it again at every knock.
  if (names.length === 0 && passed === 0) throw new Error('there is no listener left')
  gate.link.listening(names)
}

function fail(fault: unknown): never {
  log('error', `cannot serve: ${fault instanceof Error ? fault.message : String(fault)}`)
  process.exit(1)
}

// Systemd passes sockets to a gate whose keeper is stopped too, when somebody knocks.
if (passed > 0) setTimeout(() => listeners.adopt().catch(fail), patienceMs).unref()

setInterval(() => isOrphan() && process.exit(0), orphanMs).unref()

/** Who is being answered still gets the answer; new connections wait for the next gate where systemd holds the sockets. */
function stop(): void {
  gate.events.close()
  void finishServing(graceMs).then(() => process.exit(0))
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
