/** The tables as types; what each column means is said in the migrations. */
import type { Generated } from 'kysely'

export interface IdentityTable {
  id: Generated<number>
  realm: 'pam' | 'local'
  name: string
  uid: number | null
  groups: string
  created_ms: number
}

export interface SessionTable {
  id: string
  identity: number
  kind: 'token' | 'cookie' | 'root'
  amr: string
  source: string
  agent: string | null
  bound_uid: number | null
  role_cap: string | null
  audience: string
  began_wall_ms: number
  began_boot: string
  began_monotonic_ms: number
  lifetime_ms: number
  idle_ms: number | null
  used_wall_ms: number
  used_boot: string
  used_monotonic_ms: number
}

export interface GrantTable {
  jti: string
  session: string
  issued_wall_ms: number
  issued_boot: string
  issued_monotonic_ms: number
  access_ms: number
  refresh_hash: string | null
  refresh_ms: number | null
  spent_wall_ms: number | null
  spent_boot: string | null
  spent_monotonic_ms: number | null
  spent_source: string | null
  successor: string | null
}

export interface TicketTable {
  hash: string
  identity: number
  kind: 'link' | 'kiosk'
  role_cap: string | null
  bound_uid: number | null
  made_by: string | null
  made_wall_ms: number
  made_boot: string
  made_monotonic_ms: number
  ttl_ms: number | null
}

export interface ThrottleTable {
  key: string
  row: string
}

export interface AuditHeadTable {
  id: number
  seq: number
  hash: string
}

export interface Schema {
  identity: IdentityTable
  session: SessionTable
  grant: GrantTable
  ticket: TicketTable
  throttle: ThrottleTable
  audit_head: AuditHeadTable
}
