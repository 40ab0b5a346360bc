/** Roles and permissions: what a role holds, and whether a set of permissions covers one. */

/** The roles there always are. */
export const builtInRoles: { readonly [role: string]: readonly string[] } = {
  admin: ['*'],
  operator: ['status.read', 'session.read', 'throttle.read', 'throttle.manage', 'job.*', 'upload.*'],
  viewer: ['status.read'],
}

/** Whether one of `held` covers `wanted`: itself, `*`, or a prefix such as `job.*` (which covers `job.install`). */
export function holdsPermission(held: readonly string[], wanted: string): boolean {
  return held.some(
    permission =>
      permission === '*' ||
      permission === wanted ||
      (permission.endsWith('.*') && wanted.startsWith(permission.slice(0, -1))),
  )
}

/** The permissions of several roles, each once. */
export function permissionsOf(
  roles: readonly string[],
  custom: { readonly [role: string]: { readonly permissions?: readonly string[] | undefined } },
): string[] {
  const all = roles.flatMap(role => [
    ...((Object.hasOwn(builtInRoles, role) && builtInRoles[role]) || []),
    ...((Object.hasOwn(custom, role) && custom[role]?.permissions) || []),
  ])
  return [...new Set(all)]
}
