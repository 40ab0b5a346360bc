/** The instant of a refusal tells nothing of its reason. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { refusalWaitMs } from '../../../server/keeper/login/refusal-time.ts'

const test = suite('login refusal time')
const none = (bytes: number) => Buffer.alloc(bytes)
const most = (bytes: number) => Buffer.alloc(bytes, 0xff)

const cases = [
  { name: 'a quick refusal waits for the instant', elapsed: 3, expect: 2000 },
  { name: 'one that took no time does too', elapsed: 0, expect: 2000 },
  { name: 'one just before the instant is answered at it', elapsed: 1999, expect: 2000 },
  { name: 'one at the instant is answered at once', elapsed: 2000, expect: 2000 },
  { name: 'one past it waits for the next', elapsed: 2001, expect: 4000 },
  { name: 'a module that hung for 30 s is answered at a whole number of delays', elapsed: 29_500, expect: 30_000 },
]

for (const { name, elapsed, expect } of cases) {
  test(name, () => {
    assert.is(elapsed + refusalWaitMs(elapsed, 2000, none), expect)
    const latest = elapsed + refusalWaitMs(elapsed, 2000, most)
    assert.ok(latest > expect + 99 && latest < expect + 100)
  })
}

test.run()
