/** The lines that the keeper and a PAM child exchange: one JSON object a line, bounded, parsed strictly by both ends. */
import { type AnswerText, isPlainText, parseAnswer, parseUserName, type UserName } from './text.ts'

/** Who proves the password: libpam's whole conversation, or the package authenticate-pam. */
export type Backend = 'conversation' | 'authenticate-pam'

/** The child's first line: what to try. `rhost` and `tty` become PAM_RHOST and PAM_TTY unless empty. */
export interface AttemptRequest {
  service: string
  user: UserName
  rhost: string
  tty: string
  backend: Backend
}

/** A text of a PAM module. `secret` and `text` want an answer. */
export interface Prompt {
  kind: 'secret' | 'text' | 'info' | 'error'
  text: string
}

/** A prompt that wants no answer. */
export type Message = Prompt & { kind: 'info' | 'error' }

/** Where an attempt ended. */
export type Phase = 'start' | 'authenticate' | 'account' | 'chauthtok'

/** Why PAM refused, for the audit trail; never told to the one who tries. */
export const CHILD_REASONS = [
  'wrong_credentials',
  'unknown_user',
  'account_expired',
  'password_expired',
  'password_not_changed',
  'permission_denied',
  'max_tries',
  'conversation',
  'unsupported_text',
  'system',
] as const
export type ChildReason = (typeof CHILD_REASONS)[number]

/** A no of PAM: its code (0 if it has none) and the words of pam_strerror beside our reason. */
export interface Refusal {
  ok: false
  phase: Phase
  code: number
  reason: ChildReason
  message: string
}

/** What the child says: texts, questions, the proven account (it then waits for proceed), and last the result. */
export type ChildLine =
  | { kind: 'show'; messages: Message[] }
  | { kind: 'ask'; prompts: Prompt[] }
  | { kind: 'account'; user: UserName; mustChange: boolean }
  | ({ kind: 'result' } & ({ ok: true; user: UserName } | Refusal))

/** PAM_MAX_NUM_MSG: the most messages of one conversation call. */
export const MAX_MESSAGES = 32

/** The most bytes kept of a module's text. */
export const MAX_TEXT_BYTES = 4096

/** The longest line from the keeper: 32 answers of 511 bytes, each byte at most six when escaped. */
export const MAX_KEEPER_LINE_BYTES = 128 * 1024

/** The longest line from the child: 32 texts of 4096 bytes, each byte at most three when replaced. */
export const MAX_CHILD_LINE_BYTES = 512 * 1024

/** True for a prompt that somebody has to answer. */
export function wantsAnswer(prompt: Prompt): boolean {
  return prompt.kind === 'secret' || prompt.kind === 'text'
}

/** A service name that libpam takes as it is: it lower-cases names and strips paths. */
export function isServiceName(given: unknown): given is string {
  return typeof given === 'string' && /^[a-z0-9][a-z0-9_.-]{0,63}$/.test(given)
}

/** The first line, or null if it is not one. */
export function parseRequest(line: unknown): AttemptRequest | null {
  if (!isRecord(line)) return null
  const { service, user, rhost, tty, backend } = line
  const name = parseUserName(user)
  if (!name.ok || !isServiceName(service) || !isPlainText(rhost, 256) || !isPlainText(tty, 256)) return null
  if (backend !== 'conversation' && backend !== 'authenticate-pam') return null
  return { service, user: name.value, rhost, tty, backend }
}

/** The answers to a question of `count` prompts, or null if the line is no such thing. */
export function parseAnswers(line: unknown, count: number): AnswerText[] | null {
  if (!isRecord(line) || !Array.isArray(line.answers) || line.answers.length !== count) return null
  const parsed = line.answers.map(parseAnswer)
  return parsed.every(answer => answer.ok) ? parsed.map(answer => answer.value) : null
}

/** True for the keeper's word that the proven account may go on. */
export function isProceed(line: unknown): boolean {
  return isRecord(line) && line.proceed === true
}

/** One line of a child, or null for anything that is not exactly one: a crashing module may have written it. */
export function parseChildLine(text: string): ChildLine | null {
  const line = parseJson(text)
  if (!isRecord(line)) return null
  if ('show' in line) return parseShow(line.show)
  if ('ask' in line) return parseAsk(line.ask)
  if ('account' in line) return parseAccount(line.account)
  if ('result' in line) return parseResult(line.result)
  return null
}

function parseShow(given: unknown): ChildLine | null {
  const messages = parsePrompts(given)
  return messages?.every(isMessage) ? { kind: 'show', messages } : null
}

function parseAsk(given: unknown): ChildLine | null {
  const prompts = parsePrompts(given)
  return prompts?.some(wantsAnswer) ? { kind: 'ask', prompts } : null
}

function parseAccount(given: unknown): ChildLine | null {
  if (!isRecord(given)) return null
  const user = parseUserName(given.user)
  const mustChange = given.must_change
  return user.ok && typeof mustChange === 'boolean' ? { kind: 'account', user: user.value, mustChange } : null
}

function parseResult(given: unknown): ChildLine | null {
  if (!isRecord(given)) return null
  const { ok, phase, code, reason, message } = given
  if (ok === true) {
    const user = parseUserName(given.user)
    return user.ok ? { kind: 'result', ok, user: user.value } : null
  }
  if (ok !== false || !isPhase(phase) || !isReason(reason)) return null
  if (!Number.isInteger(code) || typeof code !== 'number' || !isText(message)) return null
  return { kind: 'result', ok, phase, code, reason, message }
}

function parsePrompts(given: unknown): Prompt[] | null {
  if (!Array.isArray(given) || given.length === 0 || given.length > MAX_MESSAGES) return null
  const prompts = given.map(parsePrompt)
  return prompts.every(prompt => prompt !== null) ? prompts : null
}

function parsePrompt(given: unknown): Prompt | null {
  if (!isRecord(given)) return null
  const { kind, text } = given
  if (kind !== 'secret' && kind !== 'text' && kind !== 'info' && kind !== 'error') return null
  return isText(text) ? { kind, text } : null
}

function isMessage(prompt: Prompt): prompt is Message {
  return !wantsAnswer(prompt)
}

function isText(given: unknown): given is string {
  return typeof given === 'string' && given.length <= MAX_TEXT_BYTES
}

function isPhase(given: unknown): given is Phase {
  return given === 'start' || given === 'authenticate' || given === 'account' || given === 'chauthtok'
}

function isReason(given: unknown): given is ChildReason {
  return CHILD_REASONS.some(reason => reason === given)
}

function isRecord(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}

/** JSON, or undefined: the words of a SyntaxError quote the line, which may hold a password. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
