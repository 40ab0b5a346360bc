/** What a machine leaves outside itself: its cgroups, and two names in the temporary directory. */

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const unified = '/sys/fs/cgroup/unified'
const cgroups = existsSync(unified) ? unified : '/sys/fs/cgroup'
const ours = /^postern-machine-(\d+)-/

/** Removes a machine's cgroups, bottom up, once the kernel has buried its processes (10 s at most, then it throws). */
export async function removeCgroup(name: string): Promise<void> {
  const folder = join(cgroups, name)
  for (let tries = 200; existsSync(folder) && isPopulated(folder); tries--) {
    if (tries === 0) throw new Error(`processes left in ${folder}`)
    await pause(50)
  }
  removeTree(folder)
}

/** Removes what machines of processes that were killed left behind. */
export function sweepMachines(): void {
  for (const name of readdirSync(cgroups).filter(isOrphan)) {
    if (!isPopulated(join(cgroups, name))) removeTree(join(cgroups, name))
  }
  // No mount can be in them: a machine's mounts end with its own namespace.
  for (const name of readdirSync(tmpdir()).filter(isOrphan)) {
    rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isOrphan(name: string): boolean {
  const pid = ours.exec(name)?.[1]
  return pid !== undefined && !existsSync(`/proc/${pid}`)
}

function isPopulated(cgroup: string): boolean {
  return /^populated 1$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'))
}

function removeTree(cgroup: string): void {
  if (!existsSync(cgroup)) return
  for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(cgroup, entry.name))
  }
  rmdirSync(cgroup)
}
