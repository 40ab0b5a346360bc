/** Handshakes and requests over TLS, beside Node.js's own server with the same certificate. */
import { join } from 'node:path'
import { freePort, startDaemon } from '../../test/support/daemon.ts'
import { ask } from '../../test/support/http.ts'
import { startBareSecureServer } from './bare-servers.ts'
import { median, report } from './report.ts'
import { run } from './run.ts'
import { config, type SetUp } from './set-up.ts'
import { wrk } from './wrk.ts'

/** New connections a second, each with a whole handshake of TLS 1.3 and one request. */
async function handshakes(port: number): Promise<number> {
  const words = ['s_time', '-connect', `127.0.0.1:${port}`, '-new', '-time', '2', '-www', '/ping']
  // It ends with status 1 when the time is over in the middle of a connection.
  const { stdout } = await run('openssl', words).catch((fault: { stdout: string }) => fault)
  const [, count = 'NaN', seconds = 'NaN'] = /(\d+) connections in (\d+) real seconds/.exec(stdout) ?? []
  return Number(count) / Number(seconds)
}

export async function benchTls({ account, scratch }: SetUp): Promise<void> {
  const port = await freePort()
  const plain = await freePort()
  const listen = [
    { address: '127.0.0.1', port, tls: true },
    { address: '127.0.0.1', port: plain },
  ]
  const daemon = await startDaemon({ config: { ...config, listen } })
  const own = join(daemon.directory, 'state/tls')
  const bare = await startBareSecureServer(scratch, join(own, 'certificate.pem'), join(own, 'key.pem'))
  const rates = { shakes: [] as number[], bareShakes: [] as number[], asked: [] as number[], bareAsked: [] as number[] }
  try {
    const body = { user: account.name, password: account.password }
    const login = await ask(`http://127.0.0.1:${plain}/postern/v1/login`, { body })
    const bearer = [`Authorization: Bearer ${login.json().access_token}`]
    for (let round = 0; round < 5; round += 1) {
      rates.bareShakes.push(await handshakes(bare.port))
      rates.shakes.push(await handshakes(port))
    }
    // Many short turns, as without TLS.
    for (let round = 0; round < 20; round += 1) {
      rates.bareAsked.push((await wrk(`https://127.0.0.1:${bare.port}/`, [], 1)).perSecond)
      rates.asked.push((await wrk(`https://127.0.0.1:${port}/postern/v1/check`, bearer, 1)).perSecond)
    }
  } finally {
    bare.process.kill()
    await daemon.remove()
  }
  report(
    'TLS 1.3 handshakes, one after the other',
    median(rates.shakes),
    median(rates.bareShakes),
    '/s',
    'at least 0.8',
  )
  report('GET /check over HTTPS, Bearer', median(rates.asked), median(rates.bareAsked), 'req/s', 'at least 0.75')
}
