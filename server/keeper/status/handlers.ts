/** The handler of the status operation. */
import { yes } from '../../operations/operation.ts'
import type { Clock } from '../clock.ts'
import type { HandlersOf } from '../dispatch.ts'
import type { Gates } from '../gates/gates.ts'
import type { Logins } from '../login/logins.ts'
import type { Store } from '../store/store.ts'

/** As many as the configuration may have. */
const maxListeners = 64

export function statusHandlers({
  gates,
  store,
  logins,
  clock,
  version,
  insecure,
}: {
  gates: Gates
  store: Store
  logins: Logins
  clock: Clock
  version: string
  insecure: () => string[]
}): HandlersOf<'status'> {
  const startedMs = clock.monotonicMs()
  return {
    status: async () => {
      const connected = gates.list()
      return yes({
        version,
        uptime_seconds: Math.floor((clock.monotonicMs() - startedMs) / 1000),
        gates: connected.map(({ pid, connectedSeconds }) => ({ pid, connected_seconds: connectedSeconds })),
        // What an owned gate tells must not outgrow the answer.
        listeners: [...new Set(connected.flatMap(({ listeners }) => listeners))].slice(0, maxListeners).sort(),
        sessions: await store.sessions.count(),
        logins_in_progress: logins.inProgress,
        insecure: insecure(),
      })
    },
  }
}
