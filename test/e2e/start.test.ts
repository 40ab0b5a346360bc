/** What a start does when it cannot be one. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startDaemon } from '../support/daemon.ts'

const test = suite('start')

for (const workers of [1, 2]) {
  test(`a port that another holds ends the start, and the log names it (${workers} workers)`, async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : undefined
    try {
      await startDaemon({ config: { listen: [{ address: '127.0.0.1', port }], gate: { workers } } })
      assert.unreachable('it started')
    } catch (fault) {
      assert.match(String(fault), `EADDRINUSE: address already in use 127.0.0.1:${port}`)
      assert.match(String(fault), /posternd ended \(1\)/)
    } finally {
      other.close()
    }
  })
}

test.run()
