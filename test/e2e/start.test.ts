/** What a start does when it cannot be one. */
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startDaemon } from '../support/daemon.ts'
import { ask } from '../support/http.ts'

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

test('a file in the place of the UNIX socket is left alone, and ends the start', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-start-'))
  chmodSync(directory, 0o777)
  const path = join(directory, 'http.sock')
  writeFileSync(path, 'somebody needs this')
  try {
    await startDaemon({ config: { listen: [{ unix: path }] } })
    assert.unreachable('it started')
  } catch (fault) {
    assert.match(String(fault), `${path} is in the way: it is no socket`)
    assert.is(readFileSync(path, 'utf8'), 'somebody needs this')
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a socket that somebody answers is not taken away', async () => {
  const first = await startDaemon()
  const path = join(first.directory, 'gate-run/http.sock')
  try {
    await startDaemon({ config: { listen: [{ unix: path }] } })
    assert.unreachable('it started')
  } catch (fault) {
    assert.match(String(fault), `${path} is served by somebody else`)
    assert.is((await ask('http://x/ping', { socketPath: path })).status, 200)
  } finally {
    await first.remove()
  }
})

test('JSON that is deeper than any stack is an input like other wrong ones', async () => {
  const daemon = await startDaemon()
  try {
    const body = `{"user":"x","password":${'['.repeat(60_000)}${']'.repeat(60_000)}}`
    const headers = { 'Content-Type': 'application/json' }
    const reply = await daemon.ask('/postern/v1/login', { method: 'POST', body, headers })
    assert.equal([reply.status, reply.json().code], [400, 'invalid_input'])
    assert.not.match(daemon.log(), 'RangeError')
  } finally {
    await daemon.remove()
  }
})

test('what the start tells people to try puts no secret where others can read it', async () => {
  const daemon = await startDaemon({ env: { POSTERN_HINTS: '1' } })
  try {
    while (!daemon.log().includes('in a browser')) await new Promise(resolve => setTimeout(resolve, 20))
    // printf is part of the shell; an argument of curl is in the list of processes.
    assert.not.match(daemon.log(), /-H ["']Authorization/)
  } finally {
    await daemon.remove()
  }
})

test.run()
