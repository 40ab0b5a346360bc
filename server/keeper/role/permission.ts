/** Roles and permissions: what a role holds, and whether a set of permissions covers one. */
import { builtInRoles } from '../../operations/role.ts'

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
