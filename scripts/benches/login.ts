/** A PAM login over HTTP, beside `pamtester` with the same service. */
import { readFileSync } from 'node:fs'
import { median, report } from './report.ts'
import { run, timed } from './run.ts'
import type { SetUp } from './set-up.ts'

export async function benchLogin({ daemon, account }: SetUp): Promise<void> {
  const service = String(JSON.parse(readFileSync(daemon.configFile, 'utf8')).pam.service)
  const pamtester = () => {
    const child = run('pamtester', [service, account.name, 'authenticate', 'acct_mgmt'])
    child.child.stdin?.end(`${account.password}\n`)
    return child
  }
  const times = { login: [] as number[], pamtester: [] as number[] }
  for (let round = 0; round < 5; round += 1) {
    for (let login = 0; login < 20; login += 1)
      times.login.push(await timed(() => daemon.login(account.name, account.password)))
    for (let login = 0; login < 20; login += 1) times.pamtester.push(await timed(pamtester))
  }
  report('a PAM login over HTTP, back to back', median(times.login), median(times.pamtester), 'ms', 'at most 1.5')
}
