/** What processes use of memory, read from /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** The proportional set size: what is shared counts in parts. */
export function pssMiB(pid: number): number {
  const [, kilobytes = '0'] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

/** Memory that is the process's own making: file pages come and go with what else runs on the machine. */
export function anonymousMiB(pid: number): number {
  const [, kilobytes = '0'] = /^Anonymous:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

/** Process ids of the children, those of every thread. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(task =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}
