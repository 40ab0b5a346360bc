/** The session cookie: its name, its attributes, and how it is read. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type CookieScope,
  clearSessionCookie,
  cookieName,
  createSessionCookie,
  findSessionCookie,
} from '../../server/gate/cookie.ts'

const test = suite('gate/cookie')
const plain: CookieScope = { scheme: 'http', port: 7640 }
const tls: CookieScope = { scheme: 'https', port: 7643 }
const token = 'eyJh-_.eyJz.AbC9'

test('the name tells ports and schemes apart', () => {
  assert.is(cookieName(plain), 'postern-7640')
  assert.is(cookieName(tls), '__Host-postern-7643')
})

test('it is set HttpOnly, Strict, on the root path, without a Domain', () => {
  assert.is(
    createSessionCookie(plain, token, 86400),
    `postern-7640=${token}; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict`,
  )
})

test('under https it is Secure, as __Host- demands', () => {
  assert.is(
    createSessionCookie(tls, token, 60),
    `__Host-postern-7643=${token}; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Strict`,
  )
})

test('it is cleared with the attributes it was set with', () => {
  const gone = 'Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly;'
  assert.is(clearSessionCookie(plain), `postern-7640=; ${gone} SameSite=Strict`)
  assert.is(clearSessionCookie(tls), `__Host-postern-7643=; ${gone} Secure; SameSite=Strict`)
})

test('a token or lifetime that a browser would drop is not set', () => {
  for (const bad of ['', 'a.b', 'a.b.c.d', 'a.b.c; Domain=evil', 'a.b.c\r\nX: y', 'a.b.ü', `a.b.${'c'.repeat(4000)}`])
    assert.throws(() => createSessionCookie(plain, bad, 60), /cookie: the token/)
  for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => createSessionCookie(plain, token, bad), /cookie: the lifetime/)
})

test('the longest token fits what browsers keep', () => {
  const name = cookieName({ scheme: 'https', port: 65535 })
  const longest = `a.b.${'c'.repeat(3996)}`
  assert.match(createSessionCookie(plain, longest, 60), longest)
  assert.ok(name.length + longest.length <= 4096)
})

const reads: [name: string, header: string | undefined, expected: string][] = [
  ['the one cookie', `postern-7640=${token}`, token],
  ['it among others', `a=b; postern-7640=${token}; c=d`, token],
  ['it without spaces', `a=b;postern-7640=${token};c`, token],
  ['nothing without a header', undefined, 'missing'],
  ['nothing from an empty header', '', 'missing'],
  ['nothing of another port', `postern-7641=${token}; postern-76400=${token}; xpostern-7640=${token}`, 'missing'],
  ['nothing of the other scheme', `__Host-postern-7640=${token}`, 'missing'],
  ['nothing of another case', `Postern-7640=${token}`, 'missing'],
  ['nothing of a name inside a value', `a=postern-7640=${token}`, 'missing'],
  ['neither of two', `postern-7640=${token}; postern-7640=x.y.z`, 'duplicate'],
  ['neither of two that are equal', `postern-7640=${token}; a=b; postern-7640=${token}`, 'duplicate'],
  ['neither when the first is empty', `postern-7640=; postern-7640=${token}`, 'duplicate'],
  ['neither when the second is hidden behind a tab', `postern-7640=${token};\tpostern-7640=x.y.z`, 'duplicate'],
  ['neither when a quote opens before', `a="; postern-7640=x.y.z; postern-7640=${token}"`, 'duplicate'],
  ['no empty one', 'postern-7640=', 'malformed'],
  ['no quoted one', `postern-7640="${token}"`, 'malformed'],
  ['no percent-encoded one', 'postern-7640=a%2Eb.c.d', 'malformed'],
  ['none with two parts', 'postern-7640=a.b', 'malformed'],
  ['none with four parts', 'postern-7640=a.b.c.d', 'malformed'],
  ['none with an empty part', 'postern-7640=a..c', 'malformed'],
  ['none with other characters', 'postern-7640=a.b.c+/=', 'malformed'],
  ['none that is too long', `postern-7640=a.b.${'c'.repeat(4000)}`, 'malformed'],
]
for (const [name, header, expected] of reads)
  test(`reads ${name}`, () => {
    const answer = findSessionCookie(header, plain)
    assert.is(answer.ok ? answer.token : answer.reason, expected)
  })

test('under https a cookie without the prefix is not looked at', () => {
  const answer = findSessionCookie(`postern-7643=x.y.z; __Host-postern-7643=${token}`, tls)
  assert.equal(answer, { ok: true, token })
  assert.equal(findSessionCookie(`postern-7643=${token}`, tls), { ok: false, reason: 'missing' })
})

test.run()
