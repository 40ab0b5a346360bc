/** A daemon that serves HTTPS at a port of its own, and the ways a test asks there. */
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Account, createAccount } from '../support/account.ts'
import { type Daemon, freePort, startDaemon } from '../support/daemon.ts'
import type { Reply } from '../support/http.ts'

interface SecureAsk {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly agent?: Agent
}

export interface SecureDaemon {
  readonly daemon: Daemon
  readonly account: Account
  /** Of HTTPS, and its origin. */
  readonly port: number
  readonly url: string
  /** The private instance's configuration, HTTPS among its listeners, with `more`. */
  configOf(more: object): Record<string, unknown>
  restart(more: object): Promise<void>
  /** Asks over HTTPS, whoever signed the certificate. */
  askSecurely(path: string, options?: SecureAsk): Promise<Reply>
  /** What a server says to bytes over a connection, until it closes it. */
  sayPlainly(text: string, to?: number): Promise<string>
  shakeHands(options: object): Promise<TLSSocket>
  /** The certificate as it is shown. */
  shown(): Promise<Record<string, unknown>>
  remove(): Promise<void>
}

export async function startSecureDaemon(): Promise<SecureDaemon> {
  const account = await createAccount()
  const daemon = await startDaemon({ config: { login: { failure_delay_seconds: 0.5 } } })
  const port = await freePort()
  const url = `https://127.0.0.1:${port}`
  const listen = [
    { unix: 'http.sock' },
    { address: '127.0.0.1', port: daemon.port },
    { address: '127.0.0.1', port, tls: true },
  ]
  const configOf = (more: object) => ({
    listen,
    login: { failure_delay_seconds: 0.5, allow: { users: ['root', account.name] } },
    ...more,
  })

  async function restart(more: object): Promise<void> {
    await daemon.stop()
    daemon.configure(configOf(more))
    await daemon.start()
  }

  function askSecurely(path: string, { method = 'GET', headers = {}, body, agent }: SecureAsk = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const options = { method, headers, rejectUnauthorized: false, agent: agent ?? new Agent() }
      const outgoing = request(url + path, options, incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', chunk => chunks.push(chunk))
        incoming.once('end', () => {
          const text = Buffer.concat(chunks).toString()
          const { statusCode: status = 0, headers: fields } = incoming
          resolve({ status, headers: fields, text, json: () => JSON.parse(text) as Record<string, unknown> })
        })
      })
      outgoing.once('error', reject)
      outgoing.end(body)
    })
  }

  async function sayPlainly(text: string, to = port): Promise<string> {
    const socket = connect(to, '127.0.0.1')
    let said = ''
    socket.on('data', chunk => {
      said += chunk
    })
    socket.write(text)
    await once(socket, 'close')
    return said
  }

  async function shakeHands(options: object): Promise<TLSSocket> {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
    await once(socket, 'secureConnect')
    return socket
  }

  const shown = async () => (await askSecurely('/postern/v1/cert')).json()
  const remove = async () => {
    await daemon.remove()
    await account.remove()
  }
  try {
    await restart({})
  } catch (fault) {
    await remove()
    throw fault
  }
  return { daemon, account, port, url, configOf, restart, askSecurely, sayPlainly, shakeHands, shown, remove }
}

/** Waits for something that the daemon does by itself; fails after 8 s. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 8000; performance.now() < endMs; ) {
    if (await isSo()) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('it did not become so')
}
