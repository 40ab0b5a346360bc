/** Throw-away system accounts and PAM services for tests with the real libpam; needs root. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { cleanAtEnd } from './cleanup.ts'

/** An account that exists until `remove()` or the end of the process. */
export interface Account {
  readonly name: string
  readonly uid: number
  /** Empty when none was set: such an account cannot log in by password. */
  readonly password: string
  setPassword(password: string): Promise<void>
  /** Makes the password the empty one, in /etc/shadow itself. */
  emptyPassword(): Promise<void>
  lock(): Promise<void>
  unlock(): Promise<void>
  /** The account itself expired in 1970. */
  expire(): Promise<void>
  /** The password must be changed at the next login. */
  expirePassword(): Promise<void>
  /** Makes it a member of these existing groups and, but for its own, no others. */
  setGroups(groups: readonly string[]): Promise<void>
  remove(): Promise<void>
}

/** What a new account is like: a random password unless given (`null` for none), uid below 1000 if `system`, member of the existing `groups`. */
export interface AccountOptions {
  name?: string
  password?: string | null
  system?: boolean
  groups?: readonly string[]
}

/** Creates an account without a home directory. */
export async function createAccount(options: AccountOptions = {}): Promise<Account> {
  const name = options.name ?? nextName()
  const password = options.password === undefined ? randomBytes(9).toString('base64url') : (options.password ?? '')
  await change('useradd', [
    ...(options.system ? ['--system'] : []),
    ...(options.groups?.length ? ['--groups', options.groups.join(',')] : []),
    ...['--no-create-home', '--shell', '/bin/sh', '--badname', name],
  ])
  const remove = createCleanup(() => execFileSync('userdel', ['--force', name], { stdio: 'pipe' }))
  if (password !== '') await change('chpasswd', [], `${name}:${password}\n`)
  return {
    name,
    uid: Number(execFileSync('id', ['-u', name], { encoding: 'utf8' })),
    password,
    setPassword: fresh => change('chpasswd', [], `${name}:${fresh}\n`),
    emptyPassword: () => change('passwd', ['--quiet', '--delete', name]),
    lock: () => change('usermod', ['--lock', name]),
    unlock: () => change('usermod', ['--unlock', name]),
    expire: () => change('usermod', ['--expiredate', '1', name]),
    expirePassword: () => change('chage', ['--lastday', '0', name]),
    setGroups: groups => change('usermod', ['--groups', groups.join(','), name]),
    remove,
  }
}

/** A temporary PAM service. */
export interface PamService {
  readonly name: string
  remove(): Promise<void>
}

/** Writes `/etc/pam.d/postern-test-…` with these rules, and one that lets nobody change a password where they hold none. */
export function createPamService(rules: readonly string[]): PamService {
  const name = `postern-test-${process.pid}-${++count}`
  const isWhole = rules.some(rule => rule.startsWith('password'))
  const all = isWhole ? rules : [...rules, 'password required pam_deny.so']
  writeFileSync(`/etc/pam.d/${name}`, `${all.join('\n')}\n`)
  return { name, remove: createCleanup(() => rmSync(`/etc/pam.d/${name}`, { force: true })) }
}

/** The rules of a service that asks pam_unix alone; empty passwords are left to the caller's flags, as Debian does. */
export const UNIX_RULES: readonly string[] = [
  'auth required pam_unix.so nullok',
  'account required pam_unix.so',
  'password required pam_unix.so yescrypt',
]

let count = 0

function nextName(): string {
  return `pt_${process.pid}_${++count}`
}

/** Runs once: when called, or at the end of the process. */
function createCleanup(clean: () => void): () => Promise<void> {
  const forget = cleanAtEnd(clean)
  return async () => {
    if (forget()) await whileLocked(clean)
  }
}

function change(program: string, args: readonly string[], input = ''): Promise<void> {
  return whileLocked(() => execFileSync(program, args, { input, stdio: 'pipe' }))
}

/** The account files have one lock, and other tests may hold it. */
async function whileLocked(act: () => void): Promise<void> {
  for (let left = 50; ; left--) {
    try {
      return act()
    } catch (error) {
      if (left === 0 || !/lock/i.test(String(error))) throw error
      await wait(100)
    }
  }
}
