/** Request targets that carry a secret: a login link, a ticket for the events. They are told to no page and to nobody else. */

/** Whether the query of a request target has a token or a ticket. */
export function carriesSecret(target: string | undefined): boolean {
  return target !== undefined && /[?&](token|ticket)=/i.test(target)
}
