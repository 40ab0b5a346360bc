/** Start of the programs, beside that of Node.js. */
import { join } from 'node:path'
import type { Daemon } from '../../test/support/daemon.ts'
import { median, report } from './report.ts'
import { run, timed } from './run.ts'
import { root, type SetUp } from './set-up.ts'

async function timeReady(daemon: Daemon): Promise<number> {
  await daemon.stop()
  return timed(() => daemon.start())
}

export async function benchStart({ daemon }: SetUp): Promise<void> {
  const times = { ready: [] as number[], status: [] as number[], node: [] as number[] }
  const status = [join(root, 'dist/postern.cjs'), '--runtime', daemon.runtime, 'status']
  for (let round = 0; round < 11; round += 1) {
    times.node.push(await timed(() => run(process.execPath, ['-e', '0'])))
    times.ready.push(await timeReady(daemon))
    times.node.push(await timed(() => run(process.execPath, ['-e', '0'])))
    times.status.push(await timed(() => run(process.execPath, status)))
  }
  report('posternd, from exec to READY', median(times.ready), median(times.node), 'ms', 'at most 6')
  report('postern status', median(times.status), median(times.node), 'ms', 'at most 3')
}
