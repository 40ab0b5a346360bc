/** The few functions of libc that the PAM child needs; loaded by that child alone. */
import koffi from 'koffi'

/** An address in this process; null is NULL. */
export type Pointer = bigint | null

const libc = koffi.load(null)
const strnlen: (text: Pointer, max: number) => number = libc.func('size_t strnlen(const void *text, size_t max)')
const strdup: (text: Buffer) => Pointer = libc.func('void *strdup(const void *text)')
const prctl: (option: number, value: number) => number = libc.func('int prctl(int option, unsigned long value)')
const getpwnam: (name: string) => Pointer = libc.func('void *getpwnam(const char *name)')
const getspnam: (name: string) => Pointer = libc.func('void *getspnam(const char *name)')

/** libc's calloc, whose memory libpam frees. NULL when there is none. */
export const calloc: (count: number, size: number) => Pointer = libc.func('void *calloc(size_t count, size_t size)')

/** libc's free. */
export const free: (memory: Pointer) => void = libc.func('void free(void *memory)')

/** A copy of the text in libc's memory; the bytes in between are wiped. NULL when there is no memory. */
export function copyText(text: string): Pointer {
  const bytes = Buffer.from(`${text}\0`)
  try {
    return strdup(bytes)
  } finally {
    bytes.fill(0)
  }
}

/** At most `max` bytes of a C string; none for NULL. */
export function readBytes(text: Pointer, max: number): Buffer {
  if (text === null) return Buffer.alloc(0)
  const length = strnlen(text, max)
  return length === 0 ? Buffer.alloc(0) : Buffer.from(Buffer.from(koffi.view(text, length)))
}

/** Asks the kernel for no core dump and no ptrace of this process, which holds passwords. */
export function forbidDumps(): void {
  prctl(PR_SET_DUMPABLE, 0)
}

/** Whether the kernel kills this process when the keeper dies. */
export function dieWithKeeper(wanted: boolean): void {
  prctl(PR_SET_PDEATHSIG, wanted ? SIGKILL : 0)
}

/** True if the account's entry in passwd or shadow holds an empty password. */
export function hasEmptyPassword(name: string): boolean {
  return [getpwnam(name), getspnam(name)].some(entry => {
    // struct passwd and struct spwd both open with the name and the password.
    return entry !== null && readBytes(koffi.decode(entry, POINTER_BYTES, 'void *'), 1).length === 0
  })
}

const PR_SET_PDEATHSIG = 1
const PR_SET_DUMPABLE = 4
const SIGKILL = 9
const POINTER_BYTES = koffi.sizeof('void *')
