/** libpam through koffi: one transaction, its steps and its conversation callback. Loaded by the PAM child alone. */
import koffi from 'koffi'
import { type Pointer, readBytes } from './libc.ts'
import { type AttemptRequest, MAX_TEXT_BYTES } from './protocol.ts'
import { PAM } from './reason.ts'
import { MAX_NAME_BYTES } from './text.ts'

/** libpam's conversation: `count` messages, an array of as many pointers, where to put the address of the answers; gives a PAM code. */
export type Conversation = (count: number, messages: Pointer, answers: Pointer) => number

/** One PAM transaction. The steps give a PAM code and may call the conversation. */
export interface Transaction {
  authenticate(): number
  account(): number
  /** Asks for a new password because the old one has expired. */
  change(): number
  /** The bytes of PAM_USER, which a module may have changed. */
  user(): Buffer
  /** pam_strerror's words for a code. */
  explain(code: number): string
  /** Lets the modules clean up; nothing may be called after it. */
  end(status: number): void
}

const libpam = koffi.load('libpam.so.0')
koffi.proto('int postern_conv(int count, void *messages, void *answers, void *data)')
koffi.proto('void postern_delay(int status, uint usec, void *data)')
koffi.struct('postern_pam_conv', { conv: 'postern_conv *', data: 'void *' })

type Conv = { conv: bigint; data: null }
const pamStart: (service: string, user: string, conv: Conv, handle: Pointer[]) => number = libpam.func(
  'int pam_start(const char *service, const char *user, const postern_pam_conv *conv, _Out_ void **handle)',
)
const pamEnd: (handle: Pointer, status: number) => number = libpam.func('int pam_end(void *handle, int status)')
const pamAuthenticate: Step = libpam.func('int pam_authenticate(void *handle, int flags)')
const pamAccount: Step = libpam.func('int pam_acct_mgmt(void *handle, int flags)')
const pamChange: Step = libpam.func('int pam_chauthtok(void *handle, int flags)')
const pamSetText: (handle: Pointer, item: number, value: string) => number = libpam.func('pam_set_item', 'int', [
  'void *',
  'int',
  'const char *',
])
const pamSetDelay: (handle: Pointer, item: number, value: bigint) => number = libpam.func('pam_set_item', 'int', [
  'void *',
  'int',
  'postern_delay *',
])
const pamGetItem: (handle: Pointer, item: number, value: Pointer[]) => number = libpam.func(
  'int pam_get_item(void *handle, int item, _Out_ void **value)',
)
const pamStrerror: (handle: Pointer, code: number) => Pointer = libpam.func(
  'const void *pam_strerror(void *handle, int code)',
)
type Step = (handle: Pointer, flags: number) => number

/** Begins a transaction for the request; gives the PAM code when libpam refuses to. */
export function startTransaction(request: AttemptRequest, converse: Conversation): Transaction | number {
  const conv = koffi.register(converse, 'postern_conv *')
  const out: Pointer[] = [null]
  const started = pamStart(request.service, request.user, { conv, data: null }, out)
  const handle = out[0] ?? null
  if (started !== PAM.SUCCESS || handle === null) return started || PAM.SYSTEM_ERR
  const labelled = label(handle, request)
  if (labelled === PAM.SUCCESS) return describe(handle)
  pamEnd(handle, labelled)
  return labelled
}

function label(handle: Pointer, { rhost, tty }: AttemptRequest): number {
  // The keeper delays every refusal to one instant; a child that slept as well would only be held longer.
  const delay = koffi.register(() => undefined, 'postern_delay *')
  const texts = [
    [ITEM.RHOST, rhost],
    [ITEM.TTY, tty],
  ] as const
  const codes = texts.filter(([, text]) => text !== '').map(([item, text]) => pamSetText(handle, item, text))
  return [...codes, pamSetDelay(handle, ITEM.FAIL_DELAY, delay)].find(code => code !== PAM.SUCCESS) ?? PAM.SUCCESS
}

function describe(handle: Pointer): Transaction {
  return {
    authenticate: () => pamAuthenticate(handle, DISALLOW_NULL_AUTHTOK),
    account: () => pamAccount(handle, DISALLOW_NULL_AUTHTOK),
    change: () => pamChange(handle, CHANGE_EXPIRED_AUTHTOK),
    user() {
      const out: Pointer[] = [null]
      return pamGetItem(handle, ITEM.USER, out) === PAM.SUCCESS
        ? readBytes(out[0] ?? null, MAX_NAME_BYTES + 1)
        : Buffer.alloc(0)
    },
    explain: code => explainWith(handle, code),
    end: status => void pamEnd(handle, status),
  }
}

/** pam_strerror's words without a transaction: Linux-PAM does not look at the handle. */
export function describeCode(code: number): string {
  return explainWith(null, code)
}

function explainWith(handle: Pointer, code: number): string {
  return readBytes(pamStrerror(handle, code), MAX_TEXT_BYTES).toString('utf8')
}

const ITEM = { USER: 2, TTY: 3, RHOST: 4, FAIL_DELAY: 10 } as const
const DISALLOW_NULL_AUTHTOK = 0x0001
const CHANGE_EXPIRED_AUTHTOK = 0x0020
