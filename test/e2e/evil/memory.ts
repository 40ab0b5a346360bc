/** The memory of a running Node.js process after its garbage is collected, seen through its inspector. */
import { readFileSync } from 'node:fs'

export interface Inspected {
  /** Collects garbage until nothing more comes of it, and says the resident memory in bytes, by the kernel. */
  settledBytes(): Promise<number>
  close(): void
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** Opens the inspector of the process: SIGUSR1 does it for every Node.js program. `log` is what it wrote to stderr. */
export async function inspect(pid: number, log: () => string): Promise<Inspected> {
  process.kill(pid, 'SIGUSR1')
  let url: string | undefined
  while (url === undefined) {
    url = /Debugger listening on (ws:\S+)/.exec(log())?.[1]
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const socket = new WebSocket(url)
  await new Promise(resolve => socket.addEventListener('open', resolve, { once: true }))
  let lastId = 0
  const call = (method: string) => {
    lastId += 1
    const id = lastId
    socket.send(JSON.stringify({ id, method }))
    return new Promise<void>(resolve => {
      const hear = ({ data }: MessageEvent) => {
        if ((JSON.parse(String(data)) as { id?: number }).id !== id) return
        socket.removeEventListener('message', hear)
        resolve()
      }
      socket.addEventListener('message', hear)
    })
  }
  return {
    async settledBytes() {
      let lowest = Number.POSITIVE_INFINITY
      // What was asked last is answered meanwhile, and pages go back to the kernel with a delay.
      for (let idle = 0; idle < 5; idle += 1) {
        await call('HeapProfiler.collectGarbage')
        await new Promise(resolve => setTimeout(resolve, 200))
        const bytes = residentBytes(pid)
        if (bytes < lowest - 100_000) idle = 0
        lowest = Math.min(lowest, bytes)
      }
      return lowest
    },
    close: () => socket.close(),
  }
}
