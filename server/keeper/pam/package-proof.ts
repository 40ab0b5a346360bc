/** The password proved by the package authenticate-pam: one secret question, and refusals for all that the package would get wrong. */
import { createRequire } from 'node:module'
import type { Channel } from './channel.ts'
import { ask } from './conversation.ts'
import { hasEmptyPassword } from './libc.ts'
import { describeCode } from './libpam.ts'
import type { AttemptRequest, ChildReason } from './protocol.ts'
import { explainCode, PAM } from './reason.ts'
import { requirePamService } from './service.ts'
import { isPlainText } from './text.ts'

/** Why the password was not proved. */
export interface Disproof {
  code: number
  reason: ChildReason
}

/**
 * Asks for the password and lets the package try it; null when it is right. The package's own pam_authenticate sleeps
 * after a wrong password (about 2 s) and knows no flags. Throws when the package is not installed, or the service gone.
 */
export async function proveWithPackage(request: AttemptRequest, channel: Channel): Promise<Disproof | null> {
  if (!fits(request.user) || !fits(request.rhost)) return UNSUPPORTED
  const password = ask(channel, [{ kind: 'secret', text: 'Password: ' }])?.[0]
  if (password === undefined) return { code: PAM.CONV_ERR, reason: 'conversation' }
  if (!fits(password)) return UNSUPPORTED
  // It cannot ask for PAM_DISALLOW_NULL_AUTHTOK: with `nullok` any password would open such an account.
  if (hasEmptyPassword(request.user)) return { code: PAM.AUTH_ERR, reason: 'wrong_credentials' }
  const words = await tryPassword(request, password)
  if (words === undefined) return null
  const code = findCode(words)
  return { code, reason: explainCode(code, 'authenticate') }
}

/** The package has buffers of 128 bytes: longer texts are cut, and 127 bytes lose the closing NUL. */
function fits(text: string): boolean {
  return isPlainText(text, 126)
}

function tryPassword({ service, user, rhost }: AttemptRequest, password: string): Promise<string | undefined> {
  const { authenticate } = loadPackage()
  // The package reads the service anew, after the time that the answer took.
  requirePamService(service)
  const options = { serviceName: service, ...(rhost === '' ? {} : { remoteHost: rhost }) }
  return new Promise(resolve => authenticate(user, password, resolve, options))
}

interface Package {
  /** The package reads its options only when exactly four arguments are given. */
  authenticate(user: string, password: string, done: (words?: string) => void, options: object): void
}

/** Found from the program's own file, which is a bundle or a source; loaded only by those who chose it. */
function loadPackage(): Package {
  const loaded: unknown = createRequire(process.argv[1] ?? '/')('authenticate-pam')
  if (!isPackage(loaded)) throw new TypeError('authenticate-pam: expected a function authenticate')
  return loaded
}

function isPackage(loaded: unknown): loaded is Package {
  return (
    typeof loaded === 'object' &&
    loaded !== null &&
    'authenticate' in loaded &&
    typeof loaded.authenticate === 'function'
  )
}

/** The package gives pam_strerror's words instead of the code. */
function findCode(words: string): number {
  return Object.values(PAM).find(code => words === describeCode(code)) ?? PAM.SYSTEM_ERR
}

const UNSUPPORTED: Disproof = { code: 0, reason: 'unsupported_text' }
