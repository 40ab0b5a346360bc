/** What the service manager is told (sd_notify(3)): ready, what goes on, and that the keeper is alive. Nothing when there is none. */
import { notifyServiceManager } from './libc.ts'

export interface ServiceManager {
  /** Ready from now on; `status` is the unit's status line. */
  ready(status: string): void
  reloading(): void
  /** The reload is over. `note` follows the status line, which stays. A service that is not ready yet does not become so. */
  reloaded(note: string): void
  stopping(): void
  /**
   * Gives a sign of life as often as the service manager wants one, each time once `isWell` has resolved: where it
   * rejects or never resolves there is none, and the service manager starts the keeper anew. The returned function ends it.
   */
  watch(isWell: () => Promise<unknown>): () => void
}

/** The service manager that the environment tells of: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. */
export function createServiceManager(env: NodeJS.ProcessEnv, pid: number): ServiceManager {
  const { NOTIFY_SOCKET: address } = env
  const tell = (state: string) => address !== undefined && notifyServiceManager(address, state)
  let status: string | null = null
  return {
    ready(line) {
      status = line
      tell(`READY=1\nSTATUS=${status}`)
    },
    reloading: () => status !== null && tell('RELOADING=1'),
    reloaded: note => status !== null && tell(`READY=1\nSTATUS=${status}; ${note}`),
    stopping: () => tell('STOPPING=1'),
    watch(isWell) {
      const everyMs = watchdogMs(env, pid) / 2
      return everyMs > 0 ? repeat(everyMs, isWell, () => tell('WATCHDOG=1')) : () => {}
    },
  }
}

/** How long the service manager waits for a sign of life, in milliseconds; 0 when it wants none of this process. */
function watchdogMs({ WATCHDOG_USEC: usec = '', WATCHDOG_PID: pid }: NodeJS.ProcessEnv, own: number): number {
  const isMeant = pid === undefined || pid === String(own)
  return isMeant && /^[1-9]\d{0,15}$/.test(usec) ? Number(usec) / 1000 : 0
}

function repeat(everyMs: number, isWell: () => Promise<unknown>, tell: () => void): () => void {
  let isAsking = false
  const ask = () => {
    if (isAsking) return
    isAsking = true
    // A rejection is no sign of life, and nothing else: what is wrong is said where it goes wrong.
    const done = () => {
      isAsking = false
    }
    isWell().then(tell).then(done, done)
  }
  ask()
  const timer = setInterval(ask, everyMs)
  return () => clearInterval(timer)
}
