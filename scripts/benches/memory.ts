/** Idle memory, beside that of a server that does nothing but answer. */
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDaemon } from '../../test/support/daemon.ts'
import { startBareServer } from './bare-servers.ts'
import { childrenOf, pssMiB } from './process-memory.ts'
import { median, report } from './report.ts'
import { config, type SetUp } from './set-up.ts'

/** PSS divides what processes share: each side runs a Node.js file of its own, so that it shares with nobody else. */
export async function benchMemory({ scratch }: SetUp): Promise<void> {
  const node = join(scratch, 'node')
  const measured = { postern: [] as number[], bare: [] as number[] }
  const settle = () => new Promise(resolve => setTimeout(resolve, 5000))
  for (let round = 0; round < 3; round += 1) {
    copyFileSync(process.execPath, node)
    const bare = await startBareServer(scratch, node)
    await settle()
    measured.bare.push(pssMiB(bare.process.pid ?? 0))
    bare.process.kill()
    await once(bare.process, 'exit')
    const daemon = await startDaemon({ config, node })
    await settle()
    const keeper = daemon.process.pid ?? 0
    measured.postern.push([keeper, ...childrenOf(keeper)].reduce((sum, pid) => sum + pssMiB(pid), 0))
    await daemon.remove()
  }
  report('idle PSS, keeper and gate', median(measured.postern), median(measured.bare), 'MiB', 'at most 2.2')
}
