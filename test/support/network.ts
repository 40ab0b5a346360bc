/** Two machines on a cable: network namespaces, made for a test and removed with it. */
import { execFileSync } from 'node:child_process'
import { cleanAtEnd } from './cleanup.ts'

/** The two namespaces; a cable named `cable` is in each. */
export interface Network {
  /** Where postern runs. */
  readonly box: string
  /** Another machine. */
  readonly far: string
  /** Runs a command there; what it wrote to stdout. Throws when it fails. */
  run(place: 'box' | 'far', ...command: string[]): string
  remove(): void
}

/** The addresses of the box on the cable; those of the other machine end in 2. */
export const boxAddresses = { ipv4: '10.77.0.1', ipv6: 'fd77::1' } as const

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: 'pipe' })
}

/** Makes them, with the addresses of the families asked for. */
export function createNetwork({ ipv4 = true, ipv6 = true }: { ipv4?: boolean; ipv6?: boolean } = {}): Network {
  const id = `${process.pid}-${Math.round(performance.now())}`
  const [box, far] = [`pb${id}`, `pf${id}`]
  const forget = cleanAtEnd(() => destroy([box, far]))
  for (const name of [box, far]) {
    ip('netns', 'add', name)
    // Addresses are usable at once, without the second that is spent on looking for their twins.
    for (const key of ['all', 'default'])
      ip(
        'netns',
        'exec',
        name,
        'sysctl',
        '-qw',
        `net.ipv6.conf.${key}.accept_dad=0`,
        `net.ipv6.conf.${key}.disable_ipv6=${ipv6 ? 0 : 1}`,
      )
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  ip('-n', box, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', far)
  for (const [at, name] of [box, far].entries()) {
    ip('-n', name, 'link', 'set', 'cable', 'up')
    if (ipv4) ip('-n', name, 'address', 'add', `10.77.0.${at + 1}/24`, 'dev', 'cable')
    if (ipv6) ip('-n', name, 'address', 'add', `fd77::${at + 1}/64`, 'dev', 'cable', 'nodad')
  }
  return {
    box,
    far,
    run: (place, ...command) =>
      execFileSync('ip', ['netns', 'exec', place === 'box' ? box : far, ...command], {
        encoding: 'utf8',
        stdio: 'pipe',
      }),
    remove: () => forget() && destroy([box, far]),
  }
}

function destroy(names: readonly string[]): void {
  for (const name of names) {
    try {
      ip('netns', 'delete', name)
    } catch {
      // It was never made.
    }
  }
}
