/** The calls of libc that Node.js does not offer: time since the boot, peer credentials, the groups of an account, and sd_notify. */
import type { Socket } from 'node:net'
import koffi from 'koffi'
import { createTurns } from './turns.ts'

const libc = koffi.load('libc.so.6')

const CLOCK_BOOTTIME = 7
const SOL_SOCKET = 1
const SO_PEERCRED = 17
const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 0x80002
const ERANGE = 34
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
/** What get…_r may say instead of 0 when there is no such entry, by its manual: ENOENT, ESRCH, EBADF, EPERM. */
const NO_ENTRY = [2, 3, 9, 1]
const LARGEST_ENTRY = 16 * 1024 * 1024

const clock_gettime = libc.func('int clock_gettime(int, _Out_ void *)')
const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)')
const openSocket = libc.func('int socket(int, int, int)')
const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)')
const closeFd = libc.func('int close(int)')
const mallopt = libc.func('int mallopt(int, int)')
const malloc_trim = libc.func('int malloc_trim(size_t)')

koffi.struct('passwd', {
  pw_name: 'const char *',
  pw_passwd: 'const char *',
  pw_uid: 'uint32_t',
  pw_gid: 'uint32_t',
  pw_gecos: 'const char *',
  pw_dir: 'const char *',
  pw_shell: 'const char *',
})
koffi.struct('group', { gr_name: 'const char *', gr_passwd: 'const char *', gr_gid: 'uint32_t', gr_mem: 'void *' })
const getpwnam_r = libc.func('int getpwnam_r(const char *, _Out_ passwd *, _Out_ void *, size_t, _Out_ void **)')
const getpwuid_r = libc.func('int getpwuid_r(uint32_t, _Out_ passwd *, _Out_ void *, size_t, _Out_ void **)')
const getgrgid_r = libc.func('int getgrgid_r(uint32_t, _Out_ group *, _Out_ void *, size_t, _Out_ void **)')
const getgrouplist = libc.func('int getgrouplist(const char *, uint32_t, _Out_ uint32_t *, _Inout_ int *)')

/** A `struct timespec` of 64-bit Linux: seconds and nanoseconds. */
const timespec = new BigInt64Array(2)

/**
 * Whole milliseconds of CLOCK_BOOTTIME, which counts suspend and which nobody can set. Not `os.uptime()`: that reads
 * /proc/uptime, which LXC and Incus make up for each start of a container, and takes ten times as long.
 */
export function bootTimeMs(): number {
  // A clock that stood still would let nothing end.
  if (clock_gettime(CLOCK_BOOTTIME, timespec) !== 0) throw new Error('the time since the boot cannot be told')
  return Number(timespec[0]) * 1000 + Math.floor(Number(timespec[1]) / 1e6)
}

/**
 * Has malloc(3) take what is large from the kernel and give it back at once; it would soon keep it, and what is small would
 * then lie in between for ever. It halves what the keeper holds under load.
 */
export function keepHeapSmall(): void {
  mallopt(M_MMAP_THRESHOLD, 64 * 1024)
  mallopt(M_TRIM_THRESHOLD, 128 * 1024)
}

/** Gives what malloc(3) holds and nobody uses back to the kernel, of every heap; it keeps it otherwise. Takes milliseconds. */
export function returnFreeMemory(): void {
  malloc_trim(0)
}

/** The process at the other end of a UNIX socket, as the kernel knows it (SO_PEERCRED). Throws when it cannot be told. */
export function peerCredentials(socket: Socket): { pid: number; uid: number; gid: number } {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } | null }
  const credentials = Buffer.alloc(12)
  const size = [credentials.length]
  if (!handle || handle.fd < 0 || getsockopt(handle.fd, SOL_SOCKET, SO_PEERCRED, credentials, size) !== 0)
    throw new Error('the peer of the socket cannot be told')
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) }
}

/**
 * Tells the service manager at `address` (`$NOTIFY_SOCKET`) a state such as `READY=1`, see sd_notify(3). Failure to tell
 * is not an error, as there.
 */
export function notifyServiceManager(address: string, state: string): void {
  const path = Buffer.from(address.startsWith('@') ? `\0${address.slice(1)}` : address)
  const sockaddr = Buffer.concat([Buffer.from([AF_UNIX, 0]), path])
  const fd = openSocket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
  if (fd < 0) return
  const message = Buffer.from(state)
  sendto(fd, message, message.length, 0, sockaddr, sockaddr.length)
  closeFd(fd)
}

/** A system account, by libc. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly groups: readonly string[]
}

type LibcCall = ReturnType<typeof libc.func>

/** Of Node.js's four threads a directory that hangs gets two: files, the audit trail's among them, are written by the others. */
const inTurn = createTurns('look-ups of accounts', { atOnce: 2, waiting: 1024 })

/** Calls on another thread: a directory service behind NSS may take its time. */
function callAsync(call: LibcCall, ...args: unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    call.async(...args, (fault: Error | null, result: number) => (fault ? reject(fault) : resolve(result)))
  })
}

/**
 * One `get…_r` call with a buffer that grows until the answer fits; null when there is no such entry. Throws when the
 * system could not look: an account behind a directory that is down is not gone.
 */
async function findEntry<T>(call: LibcCall, key: string | number): Promise<T | null> {
  for (let size = 4096; ; size *= 4) {
    const entry: [T | null] = [null]
    const found: [unknown] = [null]
    const buffer = Buffer.alloc(size)
    const code = await callAsync(call, key, entry, buffer, size, found)
    if (code === 0) return found[0] === null ? null : entry[0]
    if (NO_ENTRY.includes(code)) return null
    if (code !== ERANGE || size >= LARGEST_ENTRY)
      throw new Error(`the accounts of this machine cannot be read: errno ${code}`)
  }
}

async function groupNames(name: string, gid: number): Promise<string[]> {
  for (let size = 64; size <= 65_536; size *= 4) {
    const gids = new Uint32Array(size)
    const count = [size]
    if ((await callAsync(getgrouplist, name, gid, gids, count)) < 0) continue
    const names: string[] = []
    // One after the other: a look-up is to hold one thread.
    for (const group of gids.subarray(0, count[0])) {
      const entry = await findEntry<{ gr_name: string }>(getgrgid_r, group)
      if (entry !== null) names.push(entry.gr_name)
    }
    return names
  }
  throw new Error(`${name} is in too many groups`)
}

async function lookUp(call: LibcCall, key: string | number): Promise<Account | null> {
  const entry = await findEntry<{ pw_name: string; pw_uid: number; pw_gid: number }>(call, key)
  if (entry === null) return null
  const { pw_name: name, pw_uid: uid, pw_gid: gid } = entry
  return { name, uid, gid, groups: await groupNames(name, gid) }
}

/**
 * The account of that name with the names of all its groups, or null. A NUL in the name is a no. Throws when the system
 * could not look, or when too many look-ups wait for theirs.
 */
export async function findAccount(name: string): Promise<Account | null> {
  return name.includes('\0') ? null : inTurn(() => lookUp(getpwnam_r, name))
}

/** The account of that uid, or null. Throws as `findAccount` does. */
export async function findAccountOf(uid: number): Promise<Account | null> {
  return inTurn(() => lookUp(getpwuid_r, uid))
}

/** Whether the uid is somebody's account. Rejects as `findAccount` does. */
export async function hasAccount(uid: number): Promise<boolean> {
  return inTurn(async () => (await findEntry(getpwuid_r, uid)) !== null)
}
