/** Measurements of postern, each beside what it is compared with in the same run: medians, and the ratio. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAccount } from '../test/support/account.ts'
import { startDaemon } from '../test/support/daemon.ts'
import { benchCheck } from './benches/check.ts'
import { benchEvents } from './benches/events.ts'
import { benchGrowth } from './benches/growth.ts'
import { benchKiosk } from './benches/kiosk.ts'
import { benchLogin } from './benches/login.ts'
import { benchMemory } from './benches/memory.ts'
import { config } from './benches/set-up.ts'
import { benchStart } from './benches/start.ts'
import { benchTls } from './benches/tls.ts'
import { benchWaiting } from './benches/waiting.ts'

const benches = {
  check: benchCheck,
  tls: benchTls,
  login: benchLogin,
  waiting: benchWaiting,
  start: benchStart,
  memory: benchMemory,
  kiosk: benchKiosk,
  // Last: ten thousand connections that were closed stay in the kernel's table for a minute, where each new one's uid is looked up.
  events: benchEvents,
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2)
  const unknown = asked.filter(name => !(name in benches) && name !== 'growth')
  if (unknown.length > 0) throw new TypeError(`no such bench: ${unknown.join(' ')}`)
  const scratch = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  const daemon = await startDaemon({ config })
  const account = await createAccount({ groups: ['sudo'] })
  try {
    for (const [name, bench] of Object.entries(benches))
      if (asked.length === 0 || asked.includes(name)) await bench({ daemon, account, scratch })
  } finally {
    await daemon.remove()
    await account.remove()
    rmSync(scratch, { recursive: true, force: true })
  }
  if (asked.includes('growth')) await benchGrowth()
}

await main()
