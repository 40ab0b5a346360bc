/** The sentences of the login pages. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { errorText, errorTexts } from '../../server/pages/error-text.ts'

const test = suite('pages/error-text')

const cases: [code: string, seconds: number | undefined, expected: string][] = [
  ['login_failed', undefined, 'That did not work. Check the name and the password.'],
  ['login_failed', 9, 'That did not work. Check the name and the password.'],
  ['throttled', undefined, 'Too many attempts. Try again later.'],
  ['throttled', 0, 'Too many attempts. Try again later.'],
  ['throttled', 1, 'Too many attempts. Try again in 1 second.'],
  ['throttled', 8.2, 'Too many attempts. Try again in 9 seconds.'],
  ['throttled', 90, 'Too many attempts. Try again in 90 seconds.'],
  ['throttled', 91, 'Too many attempts. Try again in 2 minutes.'],
  ['throttled', 600, 'Too many attempts. Try again in 10 minutes.'],
  ['busy', 3, 'Too much is going on. Try again in 3 seconds.'],
  ['<b>', 3, 'Something went wrong. Try again.'],
  ['toString', undefined, 'Something went wrong. Try again.'],
  ['__proto__', undefined, 'Something went wrong. Try again.'],
]

for (const [code, seconds, expected] of cases)
  test(`says "${expected}" for ${code}${seconds === undefined ? '' : ` with ${seconds} s to wait`}`, () => {
    assert.is(errorText(code, seconds), expected)
  })

test('says a whole sentence for every code', () => {
  for (const text of Object.values(errorTexts)) assert.match(text, /^[A-Z].*\.$/)
})

test.run()
