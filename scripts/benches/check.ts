/** Requests to GET /check a second, beside a server that does nothing but answer. */
import { startBareServer } from './bare-servers.ts'
import { cookieOf, tokenOf } from './credentials.ts'
import { median, report } from './report.ts'
import type { SetUp } from './set-up.ts'
import { wrk } from './wrk.ts'

export async function benchCheck({ daemon, account, scratch }: SetUp): Promise<void> {
  const bare = await startBareServer(scratch)
  const check = `${daemon.url}/postern/v1/check`
  const bearer = [`Authorization: Bearer ${await tokenOf(daemon, account)}`]
  const cookie = [`Cookie: ${await cookieOf(daemon, account)}`]
  const rates = { bare: [] as number[], bearer: [] as number[], cookie: [] as number[] }
  // Many short turns: what else the machine does then falls on all three alike.
  for (let round = 0; round < 20; round += 1) {
    rates.bare.push((await wrk(bare.url, [], 1)).perSecond)
    rates.bearer.push((await wrk(check, bearer, 1)).perSecond)
    rates.cookie.push((await wrk(check, cookie, 1)).perSecond)
  }
  bare.process.kill()
  report('GET /check, Bearer', median(rates.bearer), median(rates.bare), 'req/s', 'at least 0.75')
  report('GET /check, cookie', median(rates.cookie), median(rates.bare), 'req/s', 'at least 0.75')
}
