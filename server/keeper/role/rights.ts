/** What a session may do: the roles of its identity, and the role that caps it. */
import { holdsPermission, permissionsOf } from './permission.ts'

export interface Rights {
  readonly roles: string[]
  readonly permissions: string[]
}

/** What both permit. */
export function commonPermissions(some: readonly string[], others: readonly string[]): string[] {
  const inOthers = some.filter(permission => holdsPermission(others, permission))
  const inSome = others.filter(permission => holdsPermission(some, permission))
  return [...new Set([...inOthers, ...inSome])]
}

/**
 * Cuts `own` down to what the role `cap` permits as well. `isGranted`: the configuration gives the role to the identity
 * itself, as it does to the kiosk.
 */
export function capRights(
  own: Rights,
  cap: string,
  { roles, isGranted }: { roles: Parameters<typeof permissionsOf>[1]; isGranted: boolean },
): Rights {
  const capped = permissionsOf([cap], roles)
  if (isGranted || own.roles.includes(cap)) return { roles: [cap], permissions: capped }
  const permissions = commonPermissions(own.permissions, capped)
  const isWhole = capped.every(permission => holdsPermission(permissions, permission))
  return { roles: isWhole && capped.length > 0 ? [cap] : [], permissions }
}
