/** What refused logins that wait do to GET /check, beside none that wait. */
import { type Account, createAccount } from '../../test/support/account.ts'
import { type Daemon, startDaemon } from '../../test/support/daemon.ts'
import { tokenOf } from './credentials.ts'
import { median, report } from './report.ts'
import { config } from './set-up.ts'
import { wrk } from './wrk.ts'

/** The refused logins wait for their common instant, ten seconds away, when PAM has long said no to all of them. */
export async function benchWaiting(): Promise<void> {
  const daemon = await startDaemon({ config: { ...config, login: { failure_delay_seconds: 10 } } })
  const account = await createAccount({ groups: ['sudo'] })
  try {
    const check = `${daemon.url}/postern/v1/check`
    const bearer = [`Authorization: Bearer ${await tokenOf(daemon, account)}`]
    const idle: number[] = []
    const busy: number[] = []
    for (let round = 0; round < 5; round += 1) {
      idle.push((await wrk(check, bearer, 2)).p99Ms)
      const waiting = Array.from({ length: 60 }, (_, at) => refused(daemon, account, at % 2 === 0))
      await whenNoLoginRuns(daemon)
      busy.push((await wrk(check, bearer, 2)).p99Ms)
      await Promise.all(waiting)
    }
    report('p99 of /check with 60 refused logins waiting', median(busy), median(idle), 'ms', 'at most 2')
  } finally {
    await daemon.remove()
    await account.remove()
  }
}

/** Half come as if a proxy had passed them on: neither this machine nor others may have all logins in flight. */
function refused(daemon: Daemon, { name: user }: Account, isLocal: boolean): Promise<unknown> {
  const headers = isLocal ? {} : { Via: '1.1 elsewhere' }
  return daemon.ask('/postern/v1/login', { headers, body: { user, password: 'wrong' } })
}

async function whenNoLoginRuns(daemon: Daemon): Promise<void> {
  const inProgress = async () =>
    (await daemon.ask('/postern/v1/status', { token: daemon.token() })).json().logins_in_progress
  do await new Promise(resolve => setTimeout(resolve, 100))
  while ((await inProgress()) !== 0)
}
