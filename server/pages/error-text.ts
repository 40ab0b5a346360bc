/** What the login pages say when something did not work: one sentence for each code, and none of a caller's making. */

/** Code of a refusal to the sentence that people read. */
export const errorTexts = {
  // One and the same for an unknown name, a wrong password and an account that may not log in.
  login_failed: 'That did not work. Check the name and the password.',
  ticket_refused: 'This login link is not valid any more. Ask for a new one, or sign in here.',
  throttled: 'Too many attempts. Try again later.',
  busy: 'Too much is going on. Try again in a moment.',
  unavailable: 'Signing in is not possible right now. Try again in a moment.',
  storage_full: 'The disk of this machine is full. Signing in is not possible.',
  invalid_input: 'The name or the password is not one that can be checked here.',
  origin_foreign: 'The form came from another site. Sign in here instead.',
} as const

const otherwise = 'Something went wrong. Try again.'

/**
 * The sentence for a code; an unknown code gets a general one, so a code may come from a URL. `retryAfterSeconds` is told
 * where waiting helps.
 */
export function errorText(code: string, retryAfterSeconds?: number): string {
  if ((code === 'throttled' || code === 'busy') && retryAfterSeconds !== undefined && retryAfterSeconds > 0)
    return errorTexts[code].replace(/Try again.*/, `Try again in ${durationText(retryAfterSeconds)}.`)
  return Object.hasOwn(errorTexts, code) ? errorTexts[code as keyof typeof errorTexts] : otherwise
}

/** Rounded up, so that nobody comes back too early. */
function durationText(seconds: number): string {
  if (seconds <= 90) return counted(Math.ceil(seconds), 'second')
  return counted(Math.ceil(seconds / 60), 'minute')
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
