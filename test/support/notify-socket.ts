/** The socket of a service manager (sd_notify(3)) that reads nothing until it is told to: who tells it something stands still. */
import { readFileSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const openSocket = libc.func('int socket(int, int, int)')
const bind = libc.func('int bind(int, const void *, uint32_t)')
const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)')
const recv = libc.func('intptr_t recv(int, _Out_ void *, size_t, int)')
const closeFd = libc.func('int close(int)')

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 0x80002
const MSG_DONTWAIT = 0x40

export interface NotifySocket {
  /** Reads what was told. Who stands still goes on. */
  read(): string[]
  close(): void
}

/** Opens one at `path`, its queue already full. */
export function openNotifySocket(path: string): NotifySocket {
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path)])
  const [fd, sender] = [openSocket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0), openSocket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)]
  if (bind(fd, address, address.length) !== 0) throw new Error(`${path} cannot be bound`)
  while (Number(sendto(sender, Buffer.from('x'), 1, MSG_DONTWAIT, address, address.length)) === 1);
  closeFd(sender)
  return {
    read() {
      const told: string[] = []
      const buffer = Buffer.alloc(4096)
      for (;;) {
        const size = Number(recv(fd, buffer, buffer.length, MSG_DONTWAIT))
        if (size < 0) return told
        if (size > 1) told.push(buffer.toString('utf8', 0, size))
      }
    },
    close: () => void closeFd(fd),
  }
}

/** Whether the process waits for room in the queue of a datagram socket. */
export function standsStill(pid: number): boolean {
  return readFileSync(`/proc/${pid}/wchan`, 'utf8') === 'unix_wait_for_peer'
}
