/** What a gate says of a connection, as far as the keeper believes it. */
import type { From } from '../link/message.ts'
import type { LookUps } from './look-up.ts'
import { parseSource, UNNAMED_SOURCE } from './throttle/source.ts'

/**
 * Makes what reads a gate's word. Its source is one that the throttle knows, and never root.sock's. A uid that is nobody's
 * account is no person: it is not local, and all of them are one source. Such uids are those of containers on the host's
 * network, a reverse proxy's among them, and everybody who may map uids has thousands.
 */
export function createBelief(accounts: Pick<LookUps<number>, 'find'>): (from: From) => Promise<From> {
  return async function believe(from) {
    const { uid, local } = from
    const source = parseSource(from.source)
    const isByUid = source.startsWith('uid:')
    if (!isByUid && !local) return { ...from, source }
    // Root has its account, whatever the directory says.
    const isNamed = uid === 0 || (uid !== null && (await accounts.find(uid)) === true)
    const isSame = source === `uid:${uid}`
    return { ...from, source: isByUid && !(isNamed && isSame) ? UNNAMED_SOURCE : source, local: local && isNamed }
  }
}
