/** posternd --gate: from privileges to listening sockets. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { getRequestListener } from '@hono/node-server'
import { createLog } from '../link/log.ts'
import type { GateSettings } from '../link/message.ts'
import { createApp } from './app.ts'
import { Gate } from './gate.ts'
import { countPassed, openListeners } from './listener.ts'
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

const gate = new Gate({
  keeperSocket: join(values.runtime, 'keeper.sock'),
  onSettings: ({ settings }) => {
    level = settings.log_level
    if (isOpen) return
    isOpen = true
    open(settings).catch(fault => {
      log('error', `cannot serve: ${fault.message}`)
      process.exit(1)
    })
  },
})
const app = createApp(gate, log)
const listener = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0])

async function open({ listen }: GateSettings): Promise<void> {
  const places = worker === 0 ? listen : listen.filter(place => !('unix' in place))
  const names = await openListeners(places, { passed, isShared: workers > 1, handle: listener, log })
  if (names.length === 0) throw new Error('there is no listener left')
  gate.link.listening(names)
}

process.on('SIGTERM', () => process.exit(0))
process.on('SIGINT', () => process.exit(0))
