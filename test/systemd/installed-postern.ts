/** postern as its units run it, on a booted machine: started by systemctl, asked by curl, watched through the journal. */
import { bootMachine, type Machine } from '../support/machine.ts'

/** What came back; status 0 when nothing did. */
export interface Reply {
  readonly status: number
  readonly headers: string
  readonly text: string
  json(): Record<string, unknown>
}

/** Where a request goes in: the two loopback addresses and the UNIX socket. */
export type Door = 'ipv4' | 'ipv6' | 'unix'

export interface Asked {
  readonly method?: string
  readonly door?: Door
  readonly token?: string
  readonly body?: unknown
  readonly headers?: readonly string[]
  /** Who asks, inside; root when left out. */
  readonly user?: string
  readonly timeoutSeconds?: number
}

const urls = { ipv4: 'http://127.0.0.1:7640', ipv6: 'http://[::1]:7640', unix: 'http://localhost' } as const

/** Settings that keep a test short; nothing of what is tested hangs on them. */
const quickly = { login: { failure_delay_seconds: 0.5, allow: { users: ['root'], groups: ['sudo'] } } }

/** A machine on which postern is installed, and what a test asks of it. */
export class InstalledPostern {
  readonly machine: Machine
  /** Everything that no journal may hold: passwords and tokens that were used. */
  readonly secrets = new Set<string>()

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** Boots the machine; postern is installed and not started. */
  static async boot(config: object = {}): Promise<InstalledPostern> {
    const postern = new InstalledPostern(await bootMachine({ install: true }))
    postern.configure(config)
    return postern
  }

  /** Writes the configuration; it is in force at the next start or reload. */
  configure(config: object): void {
    // JSON is YAML.
    this.machine.write('/etc/postern/server.yml', JSON.stringify({ ...quickly, ...config }, null, 1))
  }

  start(): void {
    this.machine.must('systemctl start postern')
  }

  /** Root's token, from the file. */
  token(): string {
    const token = this.machine.must('cat /run/postern/token')
    this.secrets.add(token)
    return token
  }

  /** One request on a connection of its own. */
  ask(
    path: string,
    { method, door = 'ipv4', token, body, headers = [], user, timeoutSeconds = 15 }: Asked = {},
  ): Reply {
    const fields = [
      ...headers,
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
      ...(body === undefined ? [] : ['Content-Type: application/json']),
    ]
    const { status, stdout } = this.machine.run(
      [
        ...['curl', '-sig', '--max-time', String(timeoutSeconds)],
        ...(door === 'unix' ? ['--unix-socket', '/run/postern-gate/http.sock'] : []),
        ...(method === undefined ? [] : ['-X', method]),
        ...fields.flatMap(field => ['-H', field]),
        ...(body === undefined ? [] : ['--data-binary', '@-']),
        `${urls[door]}${path}`,
      ],
      { input: body === undefined ? '' : JSON.stringify(body), ...(user !== undefined && { user }) },
    )
    const [head = '', ...rest] = stdout.split('\r\n\r\n')
    const text = rest.join('\r\n\r\n')
    return {
      status: status === 0 ? Number(head.slice(9, 12)) : 0,
      headers: head,
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    }
  }

  /** Logs in with a password; the tokens of a yes are remembered as secrets. */
  login(user: string, password: string, more: object = {}, asked: Asked = {}): Reply {
    this.secrets.add(password)
    const reply = this.ask('/postern/v1/login', { ...asked, body: { user, password, ...more } })
    if (reply.status === 200) {
      const { access_token: access, refresh_token: refresh } = reply.json()
      for (const secret of [access, refresh]) if (typeof secret === 'string') this.secrets.add(secret)
    }
    return reply
  }

  /** The access token of a login that must succeed. */
  tokenOf(user: string, password: string, more: object = {}): string {
    const reply = this.login(user, password, more)
    const token = reply.status === 200 ? reply.json().access_token : undefined
    if (typeof token !== 'string') throw new Error(`the login of ${user} was refused: ${reply.status} ${reply.text}`)
    return token
  }

  /** Makes an account; `groups` as for useradd. */
  addAccount(name: string, password: string, groups = 'sudo'): void {
    this.secrets.add(password)
    this.machine.must(['useradd', '--no-create-home', '--groups', groups, name])
    this.machine.must('chpasswd', { input: `${name}:${password}\n` })
  }

  /** What the units wrote to the journal. */
  journal(unit = 'postern*', options = ''): string {
    this.machine.must('journalctl --sync')
    return this.machine.must(`journalctl --no-pager -u '${unit}' ${options}`)
  }

  /** One property of a unit. */
  property(unit: string, name: string): string {
    return this.machine.must(['systemctl', 'show', '-p', name, '--value', unit])
  }

  /** The main process of a unit, as the machine numbers it. */
  pid(unit: string): number {
    return Number(this.property(unit, 'MainPID'))
  }

  /** Runs `isSo` again and again until it says yes. Throws after 10 s, or as long as is given. */
  until(what: string, isSo: () => boolean, seconds = 10): void {
    for (const end = performance.now() + seconds * 1000; performance.now() < end; ) if (isSo()) return
    throw new Error(`not within ${seconds} s: ${what}\n${this.journal()}`)
  }

  /** The lines of the audit trail. */
  trail(): Record<string, unknown>[] {
    const lines = this.machine.must('cat /var/log/postern/audit.log').split('\n')
    return lines.map(line => JSON.parse(line) as Record<string, unknown>)
  }
}
