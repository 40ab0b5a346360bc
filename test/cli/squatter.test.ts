/** Another user's program on postern's port is told nothing: neither a password nor a token nor a single byte. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person } from './run.ts'

const squatterUid = 64_321
const personUid = 64_322

const test = suite<{ runtime: string; person: Person }>('cli/squatter')
test.before.each(context => {
  // As root's daemon leaves it when it is killed: the directory and the file are there, the port is free.
  context.runtime = mkdtempSync(join(tmpdir(), 'postern-squatter-'))
  chmodSync(context.runtime, 0o755)
  context.person = createPerson(personUid, context.runtime)
})
test.after.each(({ runtime, person }) => {
  person.remove()
  rmSync(runtime, { recursive: true, force: true })
})

interface Squatter {
  readonly port: number
  /** What it was told so far. */
  heard(): string
  end(): Promise<void>
}

/** Listens as that uid and tells what it hears; with `accepts` false its connections wait for ever. */
function startSquatter(uid: number, host: string, accepts: boolean): Promise<Squatter> {
  const script = `
    const server = require('node:net').createServer(socket => {
      socket.on('data', chunk => process.stdout.write(chunk)).on('error', () => {})
    })
    server.listen(0, ${JSON.stringify(host)}, () => {
      require('node:fs').writeSync(1, 'port ' + server.address().port + '\\n')
      if (!${accepts}) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const id = String(uid)
  const words = ['--reuid', id, '--regid', id, '--clear-groups', process.execPath, '-e', script]
  const child: ChildProcess = spawn('setpriv', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', status => reject(new Error(`the squatter ended with ${status}`)))
    child.stdout?.on('data', chunk => {
      text += chunk
      const [line, port] = /^port (\d+)\n/.exec(text) ?? []
      if (!line) return
      const end = () =>
        new Promise<void>(done => {
          child.removeAllListeners('exit').once('exit', () => done())
          child.kill('SIGKILL')
        })
      resolve({ port: Number(port), heard: () => text.slice(line.length), end })
    })
  })
}

const cases = [
  { name: 'that accepts', host: '127.0.0.1', accepts: true },
  { name: 'that lets the connection wait, whose row says uid 0', host: '127.0.0.1', accepts: false },
  { name: 'that listens at all addresses', host: '0.0.0.0', accepts: true },
  { name: 'that listens at all addresses of both families', host: '::', accepts: true },
  { name: 'that listens at all addresses of both families and waits', host: '::', accepts: false },
]
for (const { name, host, accepts } of cases) {
  test(`tells nothing to a program of another user ${name}`, async ({ runtime, person }) => {
    const squatter = await startSquatter(squatterUid, host, accepts)
    try {
      const http = [`http://127.0.0.1:${squatter.port}`]
      writeFileSync(join(runtime, 'instance.json'), JSON.stringify({ version: '0.1.0', http }))
      const login = await person.run(['login', 'alice', '--password-stdin'], 'a secret\n')
      assert.is(login.status, 77)
      assert.match(login.stderr, new RegExp(`uid ${squatterUid} listens on port ${squatter.port}`))
      const ping = await person.run(['ping'])
      assert.is(ping.status, 77)
      const host = `http://127.0.0.1:${squatter.port}`
      const named = await person.run(['login', 'alice', '--host', host, '--password-stdin'], 'a secret\n')
      assert.is(named.status, 77)
      assert.match(named.stderr, new RegExp(`uid ${squatterUid} listens`))
      assert.is(squatter.heard(), '')
    } finally {
      await squatter.end()
    }
  })
}

test('talks to a program of its own user', async ({ runtime, person }) => {
  const squatter = await startSquatter(personUid, '127.0.0.1', true)
  const http = [`http://127.0.0.1:${squatter.port}`]
  writeFileSync(join(runtime, 'instance.json'), JSON.stringify({ version: '0.1.0', http }))
  const asking = person.run(['ping'])
  while (!squatter.heard().includes('GET /ping')) await new Promise(resolve => setTimeout(resolve, 20))
  await squatter.end()
  assert.is((await asking).status, 69)
})

test.run()
