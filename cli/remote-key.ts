/** Whether the key that another machine shows is the right one, and how a person says so. */
import { CommandFault } from './fault.ts'
import type { RemoteAddress } from './host.ts'
import type { KnownHosts, Pin } from './known-hosts.ts'
import type { Presented } from './remote-agent.ts'
import type { Asker } from './terminal.ts'

/** A postern of another machine, and what the command line says about its key. */
export interface Remote extends RemoteAddress {
  /** The pin that `--fingerprint` or POSTERN_FINGERPRINT expects. */
  readonly expected: Pin | null
  /** Any key will do, for this call. */
  readonly insecure: boolean
}

/** Keys are of a scheme, host and port, logins of a path as well: the proxy in front may have another postern at another one. */
export function loginKey({ origin, prefix }: RemoteAddress): string {
  return origin + prefix
}

/**
 * Throws a `CommandFault` unless the key is the one that is expected, else the one that is pinned, else vouched for. A pin
 * counts more than an authority: who can have a certificate made for a name must not get the tokens of who once looked.
 */
export function requireKnown(remote: Remote, pin: Pin | null, { pin: seen, vouched }: Presented): void {
  const { origin, expected, insecure } = remote
  if (insecure) return
  if (expected !== null) {
    if (expected === seen) return
    throw refused(`${origin} shows the key ${seen}, expected ${expected}`)
  }
  if (pin !== null) {
    if (pin === seen) return
    throw refused(
      `the key of ${origin} has changed: it shows ${seen}, expected ${pin}; somebody may be in between`,
      `if it was changed on purpose: postern login --host ${origin} --fingerprint with what that machine says its key is`,
    )
  }
  if (vouched) return
  throw refused(
    `the key of ${origin} is not known: it shows ${seen}`,
    `compare that with what the machine says, then: postern login --host ${origin} --fingerprint ${seen}`,
  )
}

function refused(message: string, hint?: string): CommandFault {
  return new CommandFault('permission', `${message}; nothing was sent`, hint)
}

/** Who is shown a key, and asked about it where there is somebody to ask. */
export type Witness = Asker | Pick<Asker, 'show'>

/**
 * Before a login: makes sure of the key, by what is expected, known or vouched for, else by asking a person; the pin is then
 * kept. What an authority alone vouches for is shown, and not kept.
 */
export async function meet(remote: Remote, hosts: KnownHosts, presented: Presented, witness: Witness): Promise<void> {
  const { origin, expected, insecure } = remote
  const { pin: seen, vouched } = presented
  if (insecure) return
  const pin = hosts.find(origin)
  const isNew = expected === null && pin === null
  if (isNew && vouched)
    return witness.show(`An authority of this machine vouches for the key of ${origin}. Its fingerprint is\n  ${seen}`)
  if (isNew && 'ask' in witness) await confirm(origin, seen, witness)
  else requireKnown(remote, pin, presented)
  if (isNew || expected !== null) await hosts.keep(origin, seen)
}

async function confirm(origin: string, seen: Pin, asker: Asker): Promise<void> {
  asker.show(`The key of ${origin} is not known yet. Its fingerprint is\n  ${seen}`)
  const answer = (await asker.ask('text', 'Is that what the machine itself says? (yes, no, or the fingerprint)')).trim()
  if (answer === seen || answer.toLowerCase() === 'yes') return
  throw refused(
    answer.startsWith('SHA256:') ? `${origin} shows ${seen}, expected ${answer}` : 'the key was not confirmed',
  )
}
