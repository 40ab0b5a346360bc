/** What the service manager is told (sd_notify(3)). Nothing when there is none. */
import type { Clock } from './clock.ts'
import { notifyServiceManager } from './libc.ts'

export interface ServiceManager {
  ready(status: string): void
  reloading(): void
  stopping(): void
}

/** The service manager that `$NOTIFY_SOCKET` names. */
export function createServiceManager(address: string | undefined, clock: Clock): ServiceManager {
  const tell = (state: string) => address !== undefined && notifyServiceManager(address, state)
  return {
    ready: status => tell(`READY=1\nSTATUS=${status}`),
    reloading: () => tell(`RELOADING=1\nMONOTONIC_USEC=${clock.monotonicMs() * 1000}`),
    stopping: () => tell('STOPPING=1'),
  }
}
