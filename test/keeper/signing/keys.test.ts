/** Signing keys: made, kept, rotated with overlap, and refused where their files are not as they must be. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compactVerify, createLocalJWKSet, SignJWT } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SigningKeys, type SigningOptions } from '../../../server/keeper/signing/keys.ts'
import { createMovableClock, type MovableClock } from '../session/movable-clock.ts'

interface Context {
  directory: string
  clock: MovableClock
  open(more?: Partial<SigningOptions>): Promise<SigningKeys>
}

const test = suite<Context>('keeper/signing keys')
test.before.each(context => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'))
  const clock = createMovableClock()
  const base: SigningOptions = {
    ...{ algorithm: 'EdDSA', directory, secret: null, overlapMs: 1000_000, clock, random: randomBytes },
  }
  Object.assign(context, { directory, clock, open: (more = {}) => SigningKeys.open({ ...base, ...more }) })
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

const secret = Buffer.from('a secret of more than 32 bytes, for a test')

async function sign(keys: SigningKeys): Promise<string> {
  const { algorithm, kid, privateKey } = keys.active
  return new SignJWT({ hello: 'there' }).setProtectedHeader({ alg: algorithm, kid }).sign(privateKey)
}

/** Whether the published keys verify the token, as another service would do it. */
async function isPublic(keys: SigningKeys, token: string): Promise<boolean> {
  try {
    await compactVerify(token, createLocalJWKSet(keys.jwks()))
    return true
  } catch {
    return false
  }
}

const only = (directory: string) => join(directory, readdirSync(directory)[0] ?? '')

for (const algorithm of ['EdDSA', 'ES256'] as const) {
  test(`${algorithm}: what it signs is verified by the published key`, async ({ open }) => {
    const keys = await open({ algorithm })
    assert.ok(await isPublic(keys, await sign(keys)))
    const [jwk] = keys.jwks().keys
    assert.equal([jwk?.alg, jwk?.use, jwk?.kid], [algorithm, 'sig', keys.active.kid])
  })

  test(`${algorithm}: the published key holds nothing private`, async ({ open }) => {
    const keys = await open({ algorithm })
    for (const jwk of keys.jwks().keys)
      for (const member of ['d', 'p', 'q', 'k', 'dp', 'dq', 'qi']) assert.not.ok(member in jwk)
  })

  test(`${algorithm}: a restart keeps the key`, async ({ open }) => {
    const former = await open({ algorithm })
    const token = await sign(former)
    const keys = await open({ algorithm })
    assert.is(keys.active.kid, former.active.kid)
    assert.ok(await isPublic(keys, token))
  })
}

test('a key file is root’s alone, 0600', async ({ open, directory }) => {
  await open()
  const { mode, uid } = lstatSync(only(directory))
  assert.equal([mode & 0o7777, uid, readdirSync(directory).length], [0o600, 0, 1])
})

test('the directory of the keys is made for root alone, 0700', async ({ open, directory }) => {
  const inner = join(directory, 'keys')
  await open({ directory: inner })
  assert.is(lstatSync(inner).mode & 0o7777, 0o700)
})

test('ephemeral keys leave no file, look at none, and are others after each start', async ({ open, directory }) => {
  const kept = await open()
  const files = readdirSync(directory)
  const [first, second] = [await open({ directory: null }), await open({ directory: null })]
  assert.equal(readdirSync(directory), files)
  assert.is(new Set([kept.active.kid, first.active.kid, second.active.kid]).size, 3)
  assert.is(second.find(kept.active.kid), null)
})

test('HS256 publishes nothing and writes nothing', async ({ open, directory }) => {
  const keys = await open({ algorithm: 'HS256', secret })
  assert.equal(keys.jwks(), { keys: [] })
  assert.equal(readdirSync(directory), [])
})

test('HS256: the same secret verifies after a restart, another does not', async ({ open }) => {
  const { kid } = (await open({ algorithm: 'HS256', secret })).active
  assert.ok((await open({ algorithm: 'HS256', secret })).find(kid))
  const other = await open({ algorithm: 'HS256', secret: Buffer.from('another secret of more than 32 bytes') })
  assert.is(other.find(kid), null)
})

test('HS256: the key id does not give the secret away', async ({ open }) => {
  const { kid } = (await open({ algorithm: 'HS256', secret })).active
  const { createHash } = await import('node:crypto')
  const hash = createHash('sha256').update(secret).digest('base64url')
  assert.not.ok(hash.startsWith(kid))
})

test('HS256 without a secret, and its rotation, are mistakes', async ({ open }) => {
  let fault: unknown
  await open({ algorithm: 'HS256' }).catch(thrown => {
    fault = thrown
  })
  assert.instance(fault, TypeError)
  const keys = await open({ algorithm: 'HS256', secret })
  await keys.rotate().catch(thrown => {
    fault = thrown
  })
  assert.match(String(fault), 'shared secret')
})

test('after a rotation both keys verify, and only the new one signs', async ({ open }) => {
  const keys = await open()
  const former = await sign(keys)
  const { kid } = keys.active
  const key = await keys.rotate()
  assert.is.not(key.kid, kid)
  assert.is(keys.active.kid, key.kid)
  assert.ok(await isPublic(keys, former))
  assert.ok(await isPublic(keys, await sign(keys)))
  assert.ok(keys.find(kid))
})

test('the new key is announced before it signs', async ({ open }) => {
  const keys = await open()
  const before = keys.active.kid
  const seen: (string | undefined)[] = []
  const key = await keys.rotate(async () => {
    seen.push(keys.active.kid, ...keys.jwks().keys.map(({ kid }) => kid))
  })
  assert.equal(seen, [before, before, key.kid])
})

test('a retired key verifies until its overlap is over, across a restart too, and then its file is gone', async ({
  open,
  clock,
  directory,
}) => {
  const first = await open()
  const { kid } = first.active
  await first.rotate()
  clock.pass(999)
  first.sweep()
  const again = await open()
  assert.ok(again.find(kid))
  assert.is(readdirSync(directory).length, 2)
  clock.pass(1)
  assert.is(again.find(kid), null)
  assert.is(again.jwks().keys.length, 1)
  again.sweep()
  assert.is(readdirSync(directory).length, 1)
  assert.ok(again.find(again.active.kid))
})

test('the overlap is not stretched by a clock that is set back', async ({ open, clock }) => {
  const keys = await open()
  const { kid } = keys.active
  await keys.rotate()
  clock.setWall(0)
  clock.pass(1000)
  assert.is(keys.find(kid), null)
})

test('a change of algorithm retires the former key', async ({ open, clock }) => {
  const former = (await open()).active.kid
  const keys = await open({ algorithm: 'ES256' })
  assert.is(keys.active.algorithm, 'ES256')
  assert.ok(keys.find(former))
  clock.pass(1000)
  assert.is(keys.find(former), null)
})

test('a change to HS256 retires the former key', async ({ open, clock }) => {
  const former = (await open()).active.kid
  const keys = await open({ algorithm: 'HS256', secret })
  assert.ok(keys.find(former))
  clock.pass(1000)
  assert.is(keys.find(former), null)
  assert.equal(keys.jwks(), { keys: [] })
})

test('of two keys that sign, which a fall in a rotation leaves, the newer one goes on and the other retires', async ({
  open,
  clock,
  directory,
}) => {
  const first = await open()
  const { kid } = first.active
  const text = readFileSync(only(directory), 'utf8')
  clock.pass(5)
  const newer = await first.rotate()
  writeFileSync(join(directory, `${kid}.json`), text, { mode: 0o600 })
  const keys = await open()
  assert.is(keys.active.kid, newer.kid)
  clock.pass(1000)
  assert.is(keys.find(kid), null)
})

const faults: [name: string, spoil: (path: string) => void, expected: RegExp][] = [
  ['is empty', path => writeFileSync(path, ''), /damaged/],
  ['is cut short', path => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 90)), /damaged/],
  ['is another JSON', path => writeFileSync(path, '{"d":"quoted-private-part"}'), /damaged/],
  ['has lost its private part', path => edit(path, jwk => ({ ...jwk, d: 'AAAA' })), /damaged/],
  ['holds another key than its id says', path => edit(path, () => foreignJwk()), /damaged/],
  ['belongs to another user', path => chownSync(path, 1234, 1234), /belongs to uid 1234/],
  ['can be read by others', path => chmodSync(path, 0o604), /read or written by others/],
  ['can be read by a group', path => chmodSync(path, 0o640), /read or written by others/],
  ['can be written by others', path => chmodSync(path, 0o602), /read or written by others/],
  [
    'is a link',
    path => {
      renameSync(path, `${path}.moved`)
      symlinkSync(`${path}.moved`, path)
    },
    /is a link/,
  ],
]
for (const [name, spoil, expected] of faults)
  test(`a key file that ${name} is a fault that names the file and quotes nothing of it`, async ({
    open,
    directory,
  }) => {
    await open()
    const path = only(directory)
    const { d: privatePart } = (JSON.parse(readFileSync(path, 'utf8')) as { jwk: { d: string } }).jwk
    spoil(path)
    let message = ''
    await open().catch(fault => {
      message = String(fault)
    })
    assert.match(message, expected)
    assert.match(message, path)
    assert.not.match(message, privatePart.slice(0, 8))
    assert.not.match(message, 'quoted')
  })

function edit(path: string, change: (jwk: object) => object): void {
  const file = JSON.parse(readFileSync(path, 'utf8')) as { jwk: object }
  writeFileSync(path, JSON.stringify({ ...file, jwk: change(file.jwk) }))
}

function foreignJwk(): object {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
}

test.run()
