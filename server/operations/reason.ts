/** The closed map from the reason of a refusal to its HTTP status and title: the only one there is. */

const known = {
  invalid_input: { status: 400, title: 'the input is not what this operation takes' },
  unauthenticated: { status: 401, title: 'a valid token is needed' },
  login_failed: { status: 401, title: 'the login failed' },
  login_continues: { status: 401, title: 'the login asks for more' },
  ticket_refused: { status: 401, title: 'this login link is not valid' },
  refresh_failed: { status: 401, title: 'this refresh token is not valid' },
  origin_foreign: { status: 403, title: 'the request comes from another site' },
  forbidden: { status: 403, title: 'not permitted' },
  not_local: { status: 403, title: 'this works on the machine itself only' },
  reauthentication_required: { status: 403, title: 'a recent login is needed' },
  not_found: { status: 404, title: 'there is no such thing' },
  conflict: { status: 409, title: 'it does not fit the present state' },
  somebody_else: { status: 409, title: 'somebody else is signed in' },
  method_not_allowed: { status: 405, title: 'not with this method' },
  too_large: { status: 413, title: 'too much was sent' },
  not_json: { status: 415, title: 'JSON is expected' },
  host_unknown: { status: 421, title: 'this is not the name of this machine' },
  throttled: { status: 429, title: 'too many failed logins' },
  busy: { status: 503, title: 'too much is going on' },
  unavailable: { status: 503, title: 'the service is not ready' },
  storage_full: { status: 507, title: 'the disk is full' },
} as const

/** Why an operation says no. */
export type Reason = keyof typeof known

/** Every reason with its HTTP status and RFC 9457 title. */
export const reasons: { readonly [R in Reason]: { readonly status: number; readonly title: string } } = known

/** What any operation may refuse with, besides what its entry names. */
export const commonReasons = [
  'invalid_input',
  'unauthenticated',
  'forbidden',
  'reauthentication_required',
  'busy',
  'unavailable',
  'storage_full',
] as const satisfies readonly Reason[]

/** The reasons that the dispatcher itself gives, before or instead of a handler. */
export type CommonReason = (typeof commonReasons)[number]
