/**
 * Thousands of subscribers in a process of their own, for the bench: `event-crowd.ts URL COUNT`, the token on standard input,
 * then commands there, a line each, answered by a line.
 *   heard N    waits until everybody has heard N messages more than ready, and answers milliseconds of this machine's clock
 *   closed     waits until everybody was closed, and answers that clock and the codes
 */
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const [, , url = '', count = '0'] = process.argv
const size = Number(count)
const commands = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { value: token = '' } = await commands.next()
let heard = 0
let open = 0
let lastHeardMs = 0
let lastClosedMs = 0
const codes = new Map<number, number>()
let wake: () => void = () => {}

function now(): number {
  return performance.timeOrigin + performance.now()
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo())
    await new Promise<void>(resolve => {
      wake = resolve
    })
}

function openOne(): Promise<void> {
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` }, perMessageDeflate: false })
  socket.on('close', code => {
    open -= 1
    codes.set(code, (codes.get(code) ?? 0) + 1)
    lastClosedMs = now()
    wake()
  })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('message', () => {
      open += 1
      // Counting is all: what is measured is the other end.
      socket.on('message', () => {
        heard += 1
        lastHeardMs = now()
        if (heard % size === 0) wake()
      })
      resolve()
    })
  })
}

for (let begun = 0; begun < size; begun += 50) await Promise.all(Array.from({ length: 50 }, openOne))
process.stdout.write('open\n')
let wanted = 0
for await (const command of commands) {
  const [name, number] = command.split(' ')
  if (name === 'heard') {
    wanted += Number(number) * size
    await until(() => heard >= wanted)
    process.stdout.write(`${lastHeardMs}\n`)
  } else {
    await until(() => open <= 0)
    process.stdout.write(`${lastClosedMs} ${JSON.stringify([...codes])}\n`)
  }
}
process.exit(0)
