/** Who may log in and as what: accounts matched by user or group name. */

/** A list of accounts, by name or by group. */
export interface Members {
  readonly users: readonly string[]
  readonly groups: readonly string[]
}

/** Whether the account is one of the members. */
export function isMember(
  account: { readonly name: string; readonly groups: readonly string[] },
  members: Members,
): boolean {
  return members.users.includes(account.name) || account.groups.some(group => members.groups.includes(group))
}

/** The roles of an account, in the configuration's order. */
export function rolesOf(
  account: { readonly name: string; readonly groups: readonly string[] },
  roles: { readonly [role: string]: Members },
): string[] {
  return Object.entries(roles).flatMap(([role, members]) => (isMember(account, members) ? [role] : []))
}
