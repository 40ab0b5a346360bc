/** One login attempt inside the child: prove the password, check the account, wait for the keeper's word, change an expired password. */
import type { Channel } from './channel.ts'
import { type ChannelConversation, createConversation } from './conversation.ts'
import { dieWithKeeper } from './libc.ts'
import { describeCode, startTransaction, type Transaction } from './libpam.ts'
import { type Disproof, proveWithPackage } from './package-proof.ts'
import { type AttemptRequest, type ChildReason, isProceed, type Phase, type Refusal } from './protocol.ts'
import { explainCode, PAM } from './reason.ts'
import { requirePamService } from './service.ts'
import { parseUserName, type UserName } from './text.ts'

/** How an attempt ended; `user` is the account's name as PAM has it. */
export type Outcome = { ok: true; user: UserName } | Refusal

/** Runs the attempt to its end. No credentials are set and no session is opened. Throws when the service has no rules of its own. */
export async function runAttempt(request: AttemptRequest, channel: Channel): Promise<Outcome> {
  // The keeper looked when it started; since then the file may be gone, and `other` would let in.
  requirePamService(request.service)
  const conversation = createConversation(channel)
  const transaction = startTransaction(request, conversation.converse)
  if (typeof transaction === 'number') return refuse('start', transaction)
  const disproof =
    request.backend === 'authenticate-pam' ? await proveWithPackage(request, channel) : prove(transaction)
  const outcome =
    disproof === null
      ? admit(transaction, channel, conversation)
      : refuse('authenticate', disproof.code, disproof.reason)
  transaction.end(outcome.ok ? PAM.SUCCESS : outcome.code)
  return !outcome.ok && conversation.hasFailed() ? { ...outcome, reason: 'conversation' } : outcome
}

function prove(transaction: Transaction): Disproof | null {
  const code = transaction.authenticate()
  return code === PAM.SUCCESS ? null : { code, reason: explainCode(code, 'authenticate') }
}

function admit(transaction: Transaction, channel: Channel, conversation: ChannelConversation): Outcome {
  // "Your account has expired" and its like say that the password was right: only who is let in is told.
  conversation.hold()
  const account = transaction.account()
  const mustChange = account === PAM.NEW_AUTHTOK_REQD
  if (account !== PAM.SUCCESS && !mustChange) return refuse('account', account)
  const user = readUser(transaction)
  if (user === null) return refuse('account', PAM.SYSTEM_ERR)
  channel.write({ account: { user, must_change: mustChange } })
  // The keeper decides whether this account may log in: nobody else gets to change a password here.
  if (!isProceed(channel.read())) return refuse('account', PAM.CONV_ERR)
  conversation.release()
  return mustChange ? change(transaction, user) : { ok: true, user }
}

function change(transaction: Transaction, user: UserName): Outcome {
  // A keeper that dies must not cut the writing of a password in two.
  dieWithKeeper(false)
  const code = transaction.change()
  if (code !== PAM.SUCCESS) return refuse('chauthtok', code)
  // The account that logs in is the one that the keeper allowed.
  return readUser(transaction) === user ? { ok: true, user } : refuse('chauthtok', PAM.SYSTEM_ERR)
}

function readUser(transaction: Transaction): UserName | null {
  const bytes = transaction.user()
  const text = bytes.toString('utf8')
  const name = parseUserName(text)
  return name.ok && Buffer.from(text).equals(bytes) ? name.value : null
}

function refuse(phase: Phase, code: number, reason: ChildReason = explainCode(code, phase)): Refusal {
  return { ok: false, phase, code, reason, message: code === PAM.SUCCESS ? '' : describeCode(code) }
}
