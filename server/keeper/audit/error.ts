/** The faults of the audit trail, as a caller tells them apart. */

/** The trail cannot be written: the disk is full (changes are refused until there is room), or anything else (broken). */
export class AuditError extends Error {
  readonly code: 'storage_full' | 'audit_failed'

  constructor(code: AuditError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AuditError'
    this.code = code
  }
}

/** Wraps what the file system threw. */
export function asAuditError(fault: unknown): AuditError {
  if (fault instanceof AuditError) return fault
  const code = fault instanceof Error && 'code' in fault ? fault.code : null
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  return new AuditError(isFull ? 'storage_full' : 'audit_failed', 'the audit trail cannot be written', { cause: fault })
}
