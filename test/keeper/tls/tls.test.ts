/** The certificate in force: made, renewed with its key, imported, followed; and what a wrong clock does to it. */
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { makeCertificate, makeKey } from '../../../server/keeper/tls/make.ts'
import type { Subject } from '../../../server/keeper/tls/names.ts'
import { faultOf, readCertificate } from '../../../server/keeper/tls/pem.ts'
import { Tls, type TlsSettings } from '../../../server/keeper/tls/tls.ts'
import { isDue, lifeMs, longestSpanMs, validityAt } from '../../../server/keeper/tls/validity.ts'
import { releasedMs } from '../../../server/operations/version.ts'
import { createMovableClock, type MovableClock } from '../session/movable-clock.ts'

interface Context {
  directory: string
  clock: MovableClock
  subject: Subject
  settings: TlsSettings
  changes: number
  said: string[]
  tls: Tls
}

const dayMs = 86_400_000
const test = suite<Context>('keeper/tls')

test.before.each(context => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-tls-'))
  const clock = createMovableClock(releasedMs + 300 * dayMs)
  const subject = { names: ['localhost', 'box'], addresses: ['127.0.0.1', '::1', '192.0.2.7'] }
  Object.assign(context, { directory, clock, subject, settings: { isServed: true, files: null }, changes: 0, said: [] })
  context.tls = createTls(context)
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true }))

function createTls(context: Context): Tls {
  return new Tls({
    directory: join(context.directory, 'tls'),
    settings: () => context.settings,
    subject: () => context.subject,
    clock: context.clock,
    random: randomBytes,
    log: (_level, text) => void context.said.push(text),
    changed: async () => {
      context.changes += 1
    },
  })
}

const servedBy = ({ tls }: Pick<Context, 'tls'>) => {
  if (tls.served === null) throw new Error('nothing is served')
  return tls.served
}

test('is made when it is missing: P-256, for every name and address, its key for root alone', async context => {
  await context.tls.open()
  const { certificate, material } = servedBy(context)
  assert.equal([certificate.key, certificate.selfSigned, certificate.isOwn], ['P-256', true, true])
  assert.equal(certificate.names, context.subject.names)
  assert.equal(certificate.addresses, context.subject.addresses)
  assert.match(certificate.fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/)
  assert.not(new X509Certificate(material.certificate).ca)
  for (const name of ['key.pem', 'certificate.pem'])
    assert.is(statSync(join(context.directory, 'tls', name)).mode & 0o777, 0o600)
})

test('is the same after a restart', async context => {
  await context.tls.open()
  const { material } = servedBy(context)
  const next = createTls(context)
  await next.open()
  assert.equal(servedBy({ tls: next }).material, material)
})

test('is none, and makes nothing, while HTTPS is not served', async context => {
  context.settings = { isServed: false, files: null }
  await context.tls.open()
  assert.is(context.tls.served, null)
  assert.throws(() => statSync(join(context.directory, 'tls')), /ENOENT/)
})

const renewals: { name: string; change: (context: Context) => void; renewed: boolean }[] = [
  { name: 'half its life is over', change: ({ clock }) => clock.pass(lifeMs / 2000), renewed: false },
  {
    name: 'two thirds of its life are over',
    change: ({ clock }) => clock.pass(((lifeMs * 2) / 3 + dayMs) / 1000),
    renewed: true,
  },
  {
    name: 'an address has come',
    change: context =>
      Object.assign(context, { subject: { ...context.subject, addresses: ['127.0.0.1', '::1', '192.0.2.8'] } }),
    renewed: true,
  },
  {
    name: 'an address has gone',
    change: context => Object.assign(context, { subject: { ...context.subject, addresses: ['127.0.0.1', '::1'] } }),
    renewed: false,
  },
  {
    name: 'the machine has another name',
    change: context => Object.assign(context, { subject: { ...context.subject, names: ['localhost', 'other'] } }),
    renewed: true,
  },
]
for (const { name, change, renewed } of renewals) {
  test(`${renewed ? 'is renewed with the same key' : 'stays'} when ${name}`, async context => {
    await context.tls.open()
    const former = servedBy(context)
    change(context)
    await context.tls.tick()
    const { certificate, material } = servedBy(context)
    assert.is(material.certificate !== former.material.certificate, renewed)
    assert.is(context.changes, renewed ? 1 : 0)
    assert.equal([material.key, certificate.fingerprint], [former.material.key, former.certificate.fingerprint])
    await context.tls.tick()
    assert.is(context.changes, renewed ? 1 : 0, 'once')
  })
}

test('is made anew with the same key when it was damaged', async context => {
  await context.tls.open()
  const { fingerprint } = servedBy(context).certificate
  writeFileSync(join(context.directory, 'tls/certificate.pem'), 'nonsense', { mode: 0o600 })
  const next = createTls(context)
  await next.open()
  assert.is(servedBy({ tls: next }).certificate.fingerprint, fingerprint)
})

test('is not served with a key that others can read', async context => {
  await context.tls.open()
  chmodSync(join(context.directory, 'tls/key.pem'), 0o644)
  let message = ''
  await createTls(context)
    .open()
    .catch(fault => {
      message = fault.message
    })
  assert.match(message, /can be read or written by others/)
})

const clocks: { name: string; wallMs: number }[] = [
  { name: 'stands at 1970', wallMs: 12_000 },
  { name: 'is years late', wallMs: releasedMs - 2000 * dayMs },
  { name: 'is right', wallMs: releasedMs + 300 * dayMs },
  { name: 'is years early', wallMs: releasedMs + 4000 * dayMs },
]
for (const { name, wallMs } of clocks) {
  test(`a certificate made by a clock that ${name} is good by a right one, and by that clock`, () => {
    const { notBeforeMs, notAfterMs } = validityAt(wallMs)
    for (const rightMs of [wallMs, releasedMs, releasedMs + 390 * dayMs])
      assert.ok(notBeforeMs < rightMs && rightMs < notAfterMs, new Date(rightMs).toISOString())
    const isRight = name === 'is right'
    assert.is(notAfterMs - notBeforeMs <= longestSpanMs, isRight, 'browsers take it when it is trusted by hand')
    assert.not(isDue({ notBeforeMs, notAfterMs }, wallMs), 'it is not made anew again and again')
    assert.is(isDue({ notBeforeMs, notAfterMs }, releasedMs + 300 * dayMs), !isRight, 'it heals with the clock')
  })
}

async function madeFor(names: string[], notAfterMs: number): Promise<{ certificate: string; key: string }> {
  const key = makeKey()
  const validity = { notBeforeMs: notAfterMs - 20 * dayMs, notAfterMs }
  return { key, certificate: await makeCertificate(key, { names, addresses: [] }, validity, randomBytes) }
}

test('one of the configuration is served, and followed when its files are replaced', async context => {
  const files = { certificate: join(context.directory, 'c.pem'), key: join(context.directory, 'k.pem') }
  const write = async (name: string) => {
    const made = await madeFor([name], context.clock.wallMs() + 10 * dayMs)
    writeFileSync(files.certificate, made.certificate)
    writeFileSync(files.key, made.key, { mode: 0o600 })
  }
  await write('first.example')
  context.settings = { isServed: true, files }
  await context.tls.open()
  await context.tls.tick()
  assert.equal([servedBy(context).certificate.names, context.changes], [['first.example'], 0])
  await write('second.example')
  await context.tls.tick()
  assert.equal([servedBy(context).certificate.names, context.changes], [['second.example'], 1])
  writeFileSync(files.certificate, 'nonsense')
  await context.tls.tick()
  assert.equal([servedBy(context).certificate.names, context.changes], [['second.example'], 1])
  assert.ok(context.said.some(text => /the former stays in force/.test(text)))
  assert.not(await context.tls.renew(), 'it is not ours to renew')
})

test('one of the configuration whose key others can read is refused', async context => {
  const made = await madeFor(['a.example'], context.clock.wallMs() + dayMs)
  const files = { certificate: join(context.directory, 'c.pem'), key: join(context.directory, 'k.pem') }
  writeFileSync(files.certificate, made.certificate)
  writeFileSync(files.key, made.key, { mode: 0o644 })
  context.settings = { isServed: true, files }
  let message = ''
  await context.tls.open().catch(fault => {
    message = fault.message
  })
  assert.match(message, /k\.pem: can be read by others/)
})

test('what is imported must fit together, be strong enough and not be over, and no fault tells of the key', async context => {
  const nowMs = context.clock.wallMs()
  const good = await madeFor(['a.example'], nowMs + dayMs)
  const other = await madeFor(['b.example'], nowMs + dayMs)
  const over = await madeFor(['c.example'], nowMs - dayMs)
  const pem = { type: 'pkcs8', format: 'pem' } as const
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(pem).toString()
  const cases: [material: { certificate: string; key: string }, fault: RegExp | null][] = [
    [good, null],
    [{ ...good, key: other.key }, /not that of the certificate/],
    [{ ...good, key: weak }, /P-256 or better, or RSA with 2048/],
    [{ ...good, key: 'nonsense' }, /expected a private key as PEM/],
    [{ ...good, certificate: 'nonsense' }, /expected a certificate as PEM/],
    [over, /the certificate ended/],
  ]
  for (const [material, fault] of cases) {
    const found = faultOf(material, nowMs)
    if (fault === null) assert.is(found, null)
    else assert.match(found ?? '', fault)
    assert.not((found ?? '').includes(material.key.split('\n')[1] ?? material.key))
  }
  await context.tls.open()
  assert.match((await context.tls.accept({ ...good, key: other.key })) ?? '', /not that/)
  assert.is(await context.tls.accept(good), null)
  assert.is(servedBy(context).certificate.fingerprint, readCertificate(good.certificate).fingerprint)
  assert.is(readFileSync(join(context.directory, 'tls/key.pem'), 'utf8'), good.key)
})

test.run()
