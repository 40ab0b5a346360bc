/** The exit statuses of postern, in one table (after sysexits.h). */
import { type Reason, reasons } from '../server/operations/reason.ts'

/** Every status, by name, with what it says. */
export const exits = {
  ok: { status: 0, meaning: 'done' },
  refused: { status: 1, meaning: 'refused: it does not fit the present state, or there is no such thing' },
  usage: { status: 64, meaning: 'the command line or an input is wrong' },
  unreachable: { status: 69, meaning: 'the daemon cannot be reached, or is not ready' },
  fault: { status: 70, meaning: 'something broke: this is a bug, or what answers is not postern' },
  storage: { status: 74, meaning: 'a disk is full, or a file cannot be read or written' },
  later: { status: 75, meaning: 'throttled or busy: try again later' },
  permission: {
    status: 77,
    meaning: 'not logged in, the login failed, not permitted, or what was found is not trusted',
  },
  config: { status: 78, meaning: 'the configuration has faults' },
  interrupted: { status: 130, meaning: 'interrupted' },
} as const

export type Exit = keyof typeof exits

/** What a refusal of the daemon makes of the command: by its HTTP status, so that a new reason has its place too. */
export function exitOfReason(reason: Reason): Exit {
  const { status } = reasons[reason]
  if (status === 401 || status === 403 || status === 421) return 'permission'
  if (status === 404 || status === 409) return 'refused'
  if (status === 429 || reason === 'busy') return 'later'
  if (status === 507) return 'storage'
  return status >= 500 ? 'unreachable' : 'usage'
}

/** The table for people. */
export function formatExits(): string {
  return Object.values(exits)
    .map(({ status, meaning }) => `${String(status).padStart(5)}  ${meaning}\n`)
    .join('')
}
