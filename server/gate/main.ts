/** posternd --gate: from privileges to listening sockets. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { getRequestListener } from '@hono/node-server'
import { createLog } from '../link/log.ts'
import type { GateSettings } from '../link/message.ts'
import { createApp } from './app.ts'
import { Gate } from './gate.ts'
import { adoptPassed, countPassed, keepPassed, openListeners, type Passed } from './listener.ts'
import { dropPrivileges } from './privilege.ts'

const { values } = parseArgs({
  options: {
    gate: { type: 'boolean' },
    runtime: { type: 'string', default: '/run/postern' },
    // The gate's number among how many, from 0: the first opens the UNIX sockets, which cannot be shared.
    worker: { type: 'string', default: '0/1' },
    'drop-to': { type: 'string' },
  },
})
if (values['drop-to'] !== undefined) dropPrivileges(values['drop-to'])

let level: GateSettings['log_level'] = 'info'
const log = createLog('postern-gate', () => level, process.env.JOURNAL_STREAM !== undefined)
const passed = countPassed(process.env, process.pid)
const [worker = 0, workers = 1] = values.worker.split('/').map(Number)
let isOpen = false

/** How long who knocks waits for the keeper, before they are told that it is not there. */
const patienceMs = 3000

const gate = new Gate({
  keeperSocket: join(values.runtime, 'keeper.sock'),
  onSettings: ({ settings }) => {
    level = settings.log_level
    if (isOpen) return
    isOpen = true
    open(settings).catch(fail)
  },
})
const app = createApp(gate, log)
const listener = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0])

let adopted: Promise<Passed[]> | null = null
function adopt(): Promise<Passed[]> {
  adopted ??= adoptPassed(passed, listener)
  return adopted
}

async function open({ listen }: GateSettings): Promise<void> {
  if (passed > 0) {
    // None may fit: the gate stays, for systemd would start it again at every knock.
    gate.link.listening(keepPassed(await adopt(), listen, log))
    return
  }
  const places = worker === 0 ? listen : listen.filter(place => !('unix' in place))
  const names = await openListeners(places, { isShared: workers > 1, handle: listener, log })
  if (names.length === 0) throw new Error('there is no listener left')
  gate.link.listening(names)
}

function fail(fault: unknown): never {
  log('error', `cannot serve: ${fault instanceof Error ? fault.message : String(fault)}`)
  process.exit(1)
}

// Systemd passes sockets to a gate whose keeper is stopped too, when somebody knocks.
if (passed > 0) setTimeout(() => adopt().catch(fail), patienceMs).unref()

process.on('SIGTERM', () => process.exit(0))
process.on('SIGINT', () => process.exit(0))
