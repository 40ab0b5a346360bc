/** Memory after many logins, beside that after few. */
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { createAccount } from '../../test/support/account.ts'
import { startDaemon } from '../../test/support/daemon.ts'
import { anonymousMiB, childrenOf, pssMiB } from './process-memory.ts'
import { median, report } from './report.ts'
import { retry } from './run.ts'
import { config } from './set-up.ts'

/** Longer than any login lasts, so that none is under way any more. */
const attemptMs = 130_000

/** So long the keeper may take to give free memory back: it does so every ten seconds. */
const restMs = 15_000

/** Asks a process for a full garbage collection through its inspector. */
async function collectGarbage(pid: number): Promise<void> {
  process.kill(pid, 'SIGUSR1')
  const targets = await retry(
    async () => (await fetch('http://127.0.0.1:9229/json')).json() as Promise<{ webSocketDebuggerUrl: string }[]>,
  )
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '')
  await once(socket, 'open')
  const ask = async (id: number, method: string, params = {}) => {
    socket.send(JSON.stringify({ id, method, params }))
    await once(socket, 'message')
  }
  await ask(1, 'HeapProfiler.collectGarbage')
  await ask(2, 'HeapProfiler.collectGarbage')
  // The next process is to be found at the same port; no answer comes, the connection ends instead.
  const expression = 'process.getBuiltinModule("node:inspector").close()'
  socket.send(JSON.stringify({ id: 3, method: 'Runtime.evaluate', params: { expression } }))
  await once(socket, 'close')
}

/** In MiB. */
interface Memory {
  readonly keeper: number
  readonly gate: number
  /** Without the pages of files, whose share comes and goes with what else runs on the machine. */
  readonly keeperOwn: number
}

/** Has a daemon and an account of its own, and takes a quarter of an hour. */
export async function benchGrowth(): Promise<void> {
  const daemon = await startDaemon({ config, pam: ['auth required pam_permit.so', 'account required pam_permit.so'] })
  const account = await createAccount({ groups: ['sudo'] })
  const keeper = daemon.process.pid ?? 0
  const [gate = 0] = childrenOf(keeper)
  const login = async (count: number) => {
    for (let done = 0; done < count; done += 4)
      await Promise.all(Array.from({ length: 4 }, () => daemon.login(account.name, '')))
  }
  const settled = async () => {
    await wait(attemptMs)
    for (const pid of [keeper, gate]) await collectGarbage(pid)
    const readings: Memory[] = []
    for (let round = 0; round < 3; round += 1) {
      await wait(restMs)
      readings.push({ keeper: pssMiB(keeper), gate: pssMiB(gate), keeperOwn: anonymousMiB(keeper) })
    }
    return readings
  }
  const reportGrowth = (what: string, read: (memory: Memory) => number) =>
    report(
      `${what} after 10,000 logins, over 1,000`,
      median(after.map(read)),
      median(before.map(read)),
      'MiB',
      '0.95 to 1.05',
    )
  let before: Memory[] = []
  let after: Memory[] = []
  try {
    await login(1000)
    before = await settled()
    await login(9000)
    after = await settled()
    reportGrowth('idle PSS of keeper and gate', ({ keeper, gate }) => keeper + gate)
    reportGrowth('of that, the keeper', ({ keeper }) => keeper)
    reportGrowth('of that, the gate', ({ gate }) => gate)
    reportGrowth("the keeper's memory that is no file's", ({ keeperOwn }) => keeperOwn)
  } finally {
    await daemon.remove()
    await account.remove()
  }
}
