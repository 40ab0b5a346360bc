/** Roles: the ones there always are. */

/** What the built-in roles permit; a configuration says who has them, never what they hold. */
export const builtInRoles: { readonly [role: string]: readonly string[] } = {
  admin: ['*'],
  operator: ['status.read', 'session.read', 'throttle.read', 'throttle.manage', 'job.*', 'upload.*'],
  viewer: ['status.read'],
}
