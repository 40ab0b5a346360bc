/** What a PAM code means in the phase that gave it. */
import type { ChildReason, Phase } from './protocol.ts'

/** The codes of Linux-PAM (security/_pam_types.h) that somebody here names. */
export const PAM = {
  SUCCESS: 0,
  SYSTEM_ERR: 4,
  BUF_ERR: 5,
  PERM_DENIED: 6,
  AUTH_ERR: 7,
  CRED_INSUFFICIENT: 8,
  USER_UNKNOWN: 10,
  MAXTRIES: 11,
  NEW_AUTHTOK_REQD: 12,
  ACCT_EXPIRED: 13,
  CONV_ERR: 19,
  AUTHTOK_ERR: 20,
  AUTHTOK_RECOVERY_ERR: 21,
  AUTHTOK_LOCK_BUSY: 22,
  AUTHTOK_DISABLE_AGING: 23,
  TRY_AGAIN: 24,
  AUTHTOK_EXPIRED: 27,
} as const

const REASONS = new Map<number, ChildReason>([
  [PAM.PERM_DENIED, 'permission_denied'],
  [PAM.AUTH_ERR, 'wrong_credentials'],
  [PAM.CRED_INSUFFICIENT, 'permission_denied'],
  [PAM.USER_UNKNOWN, 'unknown_user'],
  [PAM.MAXTRIES, 'max_tries'],
  [PAM.NEW_AUTHTOK_REQD, 'password_expired'],
  [PAM.ACCT_EXPIRED, 'account_expired'],
  [PAM.CONV_ERR, 'conversation'],
  [PAM.AUTHTOK_EXPIRED, 'password_expired'],
])

const NOT_CHANGED = new Set<number>([
  PAM.AUTH_ERR,
  PAM.AUTHTOK_ERR,
  PAM.AUTHTOK_RECOVERY_ERR,
  PAM.AUTHTOK_LOCK_BUSY,
  PAM.AUTHTOK_DISABLE_AGING,
  PAM.TRY_AGAIN,
])

/** The reason for the audit trail; every code without a meaning of its own is `system`. */
export function explainCode(code: number, phase: Phase): ChildReason {
  // Debian's stacks end in pam_deny, which says AUTH_ERR also for an account that proved its password.
  if (code === PAM.AUTH_ERR && phase === 'account') return 'permission_denied'
  if (phase === 'chauthtok' && NOT_CHANGED.has(code)) return 'password_not_changed'
  return REASONS.get(code) ?? 'system'
}
