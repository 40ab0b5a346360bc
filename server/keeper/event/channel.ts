/** Who hears of what: the channels that a session hears, and those that an event goes to. */
import type { Event } from '../../operations/event.ts'
import type { Authenticated } from '../caller.ts'
import { holdsPermission } from '../role/permission.ts'

/** An event before it has its number and its time. */
export type Happening = Event extends infer E ? (E extends Event ? Omit<E, 'id' | 'time'> : never) : never

/** The permissions that let somebody hear everybody's events of a kind. */
const opens: readonly [channel: string, permissions: readonly string[]][] = [
  ['everybody', ['session.read', 'session.manage']],
  ['throttle', ['throttle.read']],
  ['config', ['status.read']],
]

function ownChannel(identity: string): string {
  return `identity:${identity}`
}

/** What a session hears: its own identity's events, and what its permissions open. */
export function channelsHeard({ identity, permissions }: Pick<Authenticated, 'identity' | 'permissions'>): string[] {
  const opened = opens.filter(([, needed]) => needed.some(one => holdsPermission(permissions, one)))
  return [ownChannel(identity.id), ...opened.map(([channel]) => channel)]
}

/** Where an event goes. */
export function channelsOf(event: Happening): string[] {
  if (event.kind === 'throttle' || event.kind === 'config') return [event.kind]
  return event.user === null ? ['everybody'] : ['everybody', ownChannel(event.user.id)]
}
