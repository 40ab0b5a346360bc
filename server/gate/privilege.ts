/** The end of root's rights: the gate gives them up before it parses its first byte, and makes sure. */
import { readFileSync } from 'node:fs'

/** The capability sets of this process that are not empty, from /proc: names such as `CapEff`. */
function heldCapabilities(): string[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  const sets = [...status.matchAll(/^(Cap(?:Inh|Prm|Eff|Amb)):\s*([0-9a-f]+)$/gm)]
  return sets.flatMap(([, name = '', bits = '']) => (/^0+$/.test(bits) ? [] : [name]))
}

/**
 * Becomes uid and gid without further groups. Throws when the process then still holds a capability or could gain one, or
 * was not privileged to begin with.
 */
export function dropPrivileges({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  const isWhole = (id: unknown) => Number.isInteger(id) && Number(id) > 0
  if (!isWhole(uid) || !isWhole(gid))
    throw new TypeError(`cannot become ${uid}:${gid}: uid and gid expected, not root's`)
  process.setgroups?.([])
  process.setgid?.(gid)
  process.setuid?.(uid)
  const held = heldCapabilities()
  const groups = process.getgroups?.().filter(group => group !== gid) ?? []
  const isDown = process.getuid?.() === uid && process.geteuid?.() === uid && process.getgid?.() === gid
  if (!isDown || held.length > 0 || groups.length > 0)
    throw new Error(`privileges were not given up: ${held.join(' ')}`)
  if (!/^NoNewPrivs:\s*1$/m.test(readFileSync('/proc/self/status', 'utf8')))
    throw new Error('new privileges can be gained')
}

/** Throws when this process is root: what the network sends is never parsed with root's rights, whoever started it. */
export function requireNotRoot(): void {
  if (process.getuid?.() === 0 || process.geteuid?.() === 0)
    throw new Error('a gate does not run as root: the keeper starts it, or a unit with a user of its own')
}
