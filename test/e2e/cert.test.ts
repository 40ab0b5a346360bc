/** `postern cert`: the certificate is renewed and replaced by the command, and files that are no good change nothing. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPerson, type Person } from '../cli/run.ts'
import { type Account, createAccount } from '../support/account.ts'
import { type Certificate, createCertificate } from '../support/certificate.ts'
import { type Daemon, freePort, startDaemon } from '../support/daemon.ts'

interface Context {
  daemon: Daemon
  account: Account
  root: Person
  /** Root of another machine. */
  person: Person
  first: Certificate
  second: Certificate
  host: string
}

const test = suite<Context>('e2e/cert')

test.before(async context => {
  context.account = await createAccount()
  const [plain, port] = [await freePort(), await freePort()]
  const allowed = { users: ['root', context.account.name] }
  context.daemon = await startDaemon({
    config: {
      listen: [
        { address: '127.0.0.1', port: plain },
        { address: '127.0.0.1', port, tls: true },
      ],
      login: { allow: allowed, failure_delay_seconds: 0.5 },
      roles: { admin: allowed },
    },
  })
  context.host = `https://127.0.0.1:${port}`
  context.root = createPerson(0, context.daemon.runtime)
  context.person = createPerson(0, '/nonexistent')
  context.first = createCertificate()
  context.second = createCertificate(['DNS:box.example'])
})
test.after(async ({ daemon, account, root, person, first, second }) => {
  root?.remove()
  person?.remove()
  first?.remove()
  second?.remove()
  await daemon?.remove()
  await account?.remove()
})

const show = async ({ root }: Context) => JSON.parse((await root.run(['cert', '--json'])).stdout)

/** The certificate's SHA-256 as it is served, asked without postern. */
function served({ host }: Context): string {
  const { host: address } = new URL(host)
  const shown = execFileSync('openssl', ['s_client', '-connect', address], { input: '', stdio: 'pipe' })
  const text = execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256'], { input: shown, stdio: 'pipe' })
  return text.toString().trim().split('=')[1] ?? ''
}

test('renew makes another certificate with the same key, for the command as for HTTPS', async context => {
  const before = await show(context)
  const { status, stdout } = await context.root.run(['cert', 'renew'])
  assert.is(status, 0)
  assert.match(stdout, new RegExp(`^fingerprint +${before.fingerprint.replaceAll('+', '\\+')}$`, 'm'))
  const after = await show(context)
  assert.is.not(after.certificate_sha256, before.certificate_sha256)
  assert.is(served(context), after.certificate_sha256)
})

interface Bad {
  readonly name: string
  /** The two files, of which `at` is the folder for those that are to be written. */
  readonly given: (context: Context, at: string) => [certificate: string, key: string]
  readonly status: number
  readonly says: RegExp
}

function write(at: string, content: string | Buffer): string {
  const file = join(at, 'given.pem')
  writeFileSync(file, content)
  return file
}

const bad: Bad[] = [
  {
    name: 'a certificate that is not there',
    given: ({ first }) => ['/nonexistent/certificate.pem', first.keyFile],
    status: 64,
    says: /error: \/nonexistent\/certificate\.pem cannot be read \(ENOENT\)\n/,
  },
  {
    name: 'a key that is not there',
    given: ({ first }) => [first.certificateFile, '/nonexistent/key.pem'],
    status: 64,
    says: /error: \/nonexistent\/key\.pem cannot be read \(ENOENT\)\n/,
  },
  {
    name: 'a folder',
    given: ({ first }, at) => [at, first.keyFile],
    status: 64,
    says: /cannot be read \(EISDIR\)\n/,
  },
  {
    name: 'the key of another certificate',
    given: ({ first, second }) => [first.certificateFile, second.keyFile],
    status: 1,
    says: /the key is not that of the certificate\n/,
  },
  {
    name: 'files in the wrong order',
    given: ({ first }) => [first.keyFile, first.certificateFile],
    status: 1,
    says: /certificate: expected a certificate as PEM\n/,
  },
  {
    name: 'bytes in place of the certificate',
    given: ({ first }, at) => [write(at, Buffer.from([0x30, 0x82, 0xff, 0x00, 0x1b])), first.keyFile],
    status: 1,
    says: /certificate: expected a certificate as PEM\n/,
  },
  {
    name: 'a certificate that was cut',
    given: ({ first }, at) => [write(at, readFileSync(first.certificateFile).subarray(0, 200)), first.keyFile],
    status: 1,
    says: /certificate: expected a certificate as PEM\n/,
  },
  {
    name: 'nonsense in place of the key',
    given: ({ first }, at) => [first.certificateFile, write(at, 'the key is under the mat\n')],
    status: 1,
    says: /key: expected a private key as PEM, without a passphrase\n/,
  },
  {
    name: 'an empty key',
    given: ({ first }, at) => [first.certificateFile, write(at, '')],
    status: 1,
    says: /key: expected a private key as PEM, without a passphrase\n/,
  },
  {
    name: 'a certificate that is too long',
    given: ({ first }, at) => [write(at, 'x'.repeat(100_000)), first.keyFile],
    status: 64,
    says: /certificate: /,
  },
  {
    name: 'a file that is no PEM file by far',
    given: ({ first }, at) => [write(at, 'x'.repeat(2_000_000)), first.keyFile],
    status: 64,
    says: /error: too much was sent: /,
  },
]

for (const { name, given, status, says } of bad)
  test(`${name} is refused, and nothing changes`, async context => {
    const { daemon, root, person, account, host } = context
    const before = await show(context)
    const words = ['login', account.name, '--host', host, '--fingerprint', before.fingerprint, '--password-stdin']
    assert.is((await person.run(words, account.password)).status, 0)
    const files = ['certificate.pem', 'key.pem'].map(file => join(daemon.directory, 'state/tls', file))
    const contents = files.map(file => readFileSync(file, 'utf8'))
    for (const [who, at] of [
      [root, []],
      [person, ['--host', host]],
    ] as const) {
      const ran = await who.run(['cert', 'import', ...given(context, daemon.directory), ...at])
      assert.equal([ran.status, ran.stdout], [status, ''], ran.stderr)
      assert.match(ran.stderr, says)
    }
    assert.equal(
      files.map(file => readFileSync(file, 'utf8')),
      contents,
    )
    assert.equal(await show(context), before)
    assert.is(served(context), before.certificate_sha256)
  })

test('files of one’s own are served at once, and are not postern’s to renew', async context => {
  const { root, second } = context
  const { status, stdout, stderr } = await root.run(['cert', 'import', second.certificateFile, second.keyFile])
  assert.is(status, 0, stderr)
  assert.ok(stdout.includes(second.pin), stdout)
  assert.match(stdout, /^names +box\.example$/m)
  assert.is(served(context), (await show(context)).certificate_sha256)
  const renew = await root.run(['cert', 'renew'])
  assert.equal([renew.status, renew.stdout], [1, ''])
  assert.match(renew.stderr, /not one that postern made: renew it where it was made\n/)
  assert.is((await show(context)).fingerprint, second.pin)
})

test('who has pinned the former key is told that it has changed', async ({ person, host, second }) => {
  const { status, stderr } = await person.run(['whoami', '--host', host])
  assert.is(status, 77)
  assert.ok(stderr.includes('has changed') && stderr.includes(second.pin), stderr)
})

test.run()
