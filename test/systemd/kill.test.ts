/** Gates and keepers that are killed or hang while others ask: who waits, who is told, and what the trail knows. */
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tree } from '../support/machine.ts'
import { InstalledPostern } from './installed-postern.ts'
import type { Report } from './load.ts'

const test = suite<{ postern: InstalledPostern }>('kill')

/** Enough children for many logins at once: sessions to revoke. A refusal takes its time. */
const roomy = {
  pam: { children: 16, children_per_source: 16 },
  insecure: { throttle_off: true },
  login: { failure_delay_seconds: 1.2 },
}
const node = '/usr/lib/postern/node'
/** So long does a new connection wait at most, in milliseconds; longer where others keep the processors busy. */
const servedMs = () => 1000 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism())

test.before(async context => {
  const postern = await InstalledPostern.boot(roomy)
  context.postern = postern
  postern.addAccount('alice', 'alice-Passw0rd')
  postern.start()
})
test.after(context => context.postern?.machine.remove())

/** Makes sessions of alice and gives their ids. */
function makeSessions(postern: InstalledPostern, count: number): string[] {
  const body = JSON.stringify({ user: 'alice', password: 'alice-Passw0rd' })
  const script = `rm -f /tmp/session.*; seq ${count} | xargs -P 6 -I N curl -s -H 'Content-Type: application/json' -d '${body}' \
    http://127.0.0.1:7640/postern/v1/login -o /tmp/session.N && cat /tmp/session.*`
  const ids = postern.machine.must(script, { timeoutMs: 120_000 }).match(/(?<="session":\{"id":")[\w-]{22}/g) ?? []
  assert.is(ids.length, count)
  return ids
}

/** The ids of the sessions that there are. */
function sessionsOf(postern: InstalledPostern): Set<string> {
  const ids = new Set<string>()
  let cursor: unknown = null
  do {
    const page = postern.ask(
      `/postern/v1/sessions?everyone=true&limit=200${typeof cursor === 'string' ? `&cursor=${cursor}` : ''}`,
      { token: postern.token() },
    )
    assert.is(page.status, 200, page.text)
    const { items, next } = page.json()
    for (const { id } of Array.isArray(items) ? items : []) ids.add(id)
    cursor = next
  } while (cursor !== null)
  return ids
}

/** Revokes `count` sessions of alice under load while the unit is killed `kills` times. */
function killUnderLoad(postern: InstalledPostern, unit: string, { count, kills }: { count: number; kills: number }) {
  const ids = makeSessions(postern, count)
  const token = postern.tokenOf('alice', 'alice-Passw0rd')
  const argv = [node, join(tree, 'test/systemd/load.ts'), unit, String(kills), token, ...ids]
  const { revokes, knocks, killed } = JSON.parse(postern.machine.must(argv, { timeoutMs: 60_000 })) as Report
  assert.is(new Set(killed).size, kills)
  const there = sessionsOf(postern)
  const trail = postern.trail().filter(({ event }) => event === 'session.revoke')
  const fates = ids.map(id => {
    const told = trail.filter(line => (line.detail as { id?: string }).id === id).map(line => line.outcome)
    return { id, outcome: revokes[id]?.outcome, isThere: there.has(id), told }
  })
  return { fates, knocks }
}

test('a gate killed under load: no knock is refused, each is served within a second, every write is told or was not done', ({
  postern,
}) => {
  const kills = 5
  const { fates, knocks } = killUnderLoad(postern, 'postern-gate@1', { count: 80, kills })
  for (const { outcome } of knocks) assert.ok(outcome === 200 || outcome === 'cut', `a knock was answered ${outcome}`)
  // Cut is what the dead gate had taken in: one knock at most, as each waits for the one before. Who came after it waited.
  const cut = knocks.filter(({ outcome }) => outcome === 'cut').length
  assert.ok(cut <= kills, `${cut} of ${knocks.length} knocks were cut`)
  const waited = knocks.filter(({ outcome, ms }) => outcome === 200 && ms > 50).map(({ ms }) => ms)
  assert.ok(waited.length >= kills, 'nobody had to wait')
  const longest = Math.max(...knocks.map(({ ms }) => ms))
  assert.ok(longest < servedMs(), `the longest took ${Math.round(longest)} ms`)
  for (const fate of fates) {
    const { outcome, isThere, told } = fate
    assert.ok(outcome === 200 || outcome === 'cut', JSON.stringify(fate))
    if (outcome === 200) assert.is(isThere, false, JSON.stringify(fate))
    assert.equal(told, isThere ? [] : ['intended', 'ok'], JSON.stringify(fate))
  }
  assert.ok(
    fates.some(({ outcome }) => outcome === 'cut'),
    'no write was in flight at a kill',
  )
  assert.is(postern.property('postern', 'NRestarts'), '0')
})

test('a keeper killed under load: what was done is in the trail, at least as intended', ({ postern }) => {
  const { fates } = killUnderLoad(postern, 'postern', { count: 40, kills: 3 })
  assert.ok(fates.filter(({ outcome }) => outcome === 200).length >= 10, 'it came back')
  for (const fate of fates) {
    const { outcome, isThere, told } = fate
    if (!isThere) assert.is(told[0], 'intended', JSON.stringify(fate))
    if (told.includes('ok') || outcome === 200) assert.is(isThere, false, JSON.stringify(fate))
    if (outcome === 200) assert.equal(told, ['intended', 'ok'], JSON.stringify(fate))
  }
  const numbers = postern.trail().map(({ seq }) => seq)
  assert.equal(
    numbers,
    numbers.map((_, index) => index + 1),
  )
})

test('a gate that is restarted first gives the answers that are under way', ({ postern }) => {
  const body = JSON.stringify({ user: 'alice', password: 'not-alices-Passw0rd' })
  const login = `curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d '${body}' \
    http://127.0.0.1:7640/postern/v1/login`
  const former = postern.pid('postern-gate@1')
  // A refusal takes 1.2 s: the gate is told to stop in the midst of it.
  const script = `${login} >/tmp/answer & sleep 0.6; systemctl restart postern-gate@1; wait; cat /tmp/answer`
  assert.is(postern.machine.must(script), '401')
  assert.is.not(postern.pid('postern-gate@1'), former)
  assert.is(postern.ask('/ping').status, 200)
})

/** Kills the keeper, and knocks without pause until another one answers; what every knock was answered. */
function killKeeper(postern: InstalledPostern): number[] {
  const former = postern.pid('postern')
  postern.machine.must(['systemctl', 'kill', '-s', 'KILL', '--kill-whom=main', 'postern'])
  const answers: number[] = []
  postern.until('another keeper answers', () => {
    answers.push(postern.ask('/postern/v1/openapi.json').status)
    return ![0, former].includes(postern.pid('postern')) && postern.property('postern', 'ActiveState') === 'active'
  })
  return answers
}

test('a keeper that is killed is started again; who knocks is told 503 or waits, and nobody is logged out', ({
  postern,
}) => {
  const token = postern.tokenOf('alice', 'alice-Passw0rd')
  const former = { root: postern.token(), keeper: postern.pid('postern') }
  for (const answer of killKeeper(postern)) assert.ok([200, 503].includes(answer), `a knock was answered ${answer}`)
  assert.is.not(postern.pid('postern'), former.keeper)
  assert.is(postern.ask('/postern/v1/me', { token }).status, 200)
  assert.is(postern.ask('/postern/v1/me', { token: postern.token() }).status, 200)
  assert.is(postern.ask('/postern/v1/me', { token: former.root }).status, 401)
})

test('a keeper that dies seven times in a row is there afterwards', ({ postern }) => {
  for (let death = 1; death <= 7; death += 1) killKeeper(postern)
  assert.is(postern.ask('/ping').status, 200)
})

test('a keeper that hangs is ended by the watchdog and started again; one that works is left alone', ({ postern }) => {
  const { machine } = postern
  machine.write('/etc/systemd/system/postern.service.d/watchdog.conf', '[Service]\nWatchdogSec=3\n')
  machine.must('systemctl daemon-reload && systemctl restart postern')
  const keeper = postern.pid('postern')
  machine.must('sleep 4')
  assert.is(postern.pid('postern'), keeper)
  machine.must(['systemctl', 'kill', '-s', 'STOP', '--kill-whom=main', 'postern'])
  postern.until('another keeper is there', () => {
    const pid = postern.pid('postern')
    return pid !== 0 && pid !== keeper && postern.property('postern', 'ActiveState') === 'active'
  })
  assert.match(postern.journal('postern'), /Watchdog timeout/)
  assert.is(postern.ask('/ping').status, 200)
  machine.must('rm -r /etc/systemd/system/postern.service.d && systemctl daemon-reload && systemctl restart postern')
})

test('a gate that is not there is started by the first who knocks', ({ postern }) => {
  for (const door of ['ipv4', 'ipv6', 'unix'] as const) {
    postern.machine.must('systemctl stop postern-gate@1')
    assert.is(postern.property('postern-gate@1', 'ActiveState'), 'inactive')
    assert.is(postern.ask('/ping', { door }).text, 'pong', door)
    assert.is(postern.property('postern-gate@1', 'ActiveState'), 'active')
  }
})

test('two gates share the sockets; one is enough, and a revoke is in force in both', ({ postern }) => {
  const { machine } = postern
  machine.must('systemctl start postern-gate@2')
  const pids = () => [postern.pid('postern-gate@1'), postern.pid('postern-gate@2')].sort()
  const gates = () => JSON.parse(machine.must('postern status --json')).gates as { pid: number }[]
  postern.until(
    'both are connected',
    () =>
      String(
        gates()
          .map(({ pid }) => pid)
          .sort(),
      ) === String(pids()),
  )
  const token = postern.tokenOf('alice', 'alice-Passw0rd')
  const statuses = () => new Set(Array.from({ length: 20 }, () => postern.ask('/postern/v1/check', { token }).status))
  assert.equal([...statuses()], [200])
  machine.must(['postern', 'call', 'session.revoke_all', 'user=alice'])
  assert.equal([...statuses()], [401])
  machine.must('systemctl stop postern-gate@1')
  assert.is(postern.ask('/ping').status, 200)
  assert.equal([postern.pid('postern-gate@1'), postern.pid('postern-gate@2')].filter(Boolean).length, 1)
})

test('a gate that hangs is ended when it does not confirm a revoke, and started again', ({ postern }) => {
  const { machine } = postern
  postern.tokenOf('alice', 'alice-Passw0rd')
  const hung = postern.pid('postern-gate@2')
  machine.must(['systemctl', 'kill', '-s', 'STOP', 'postern-gate@2'])
  const before = performance.now()
  const { revoked } = JSON.parse(machine.must(['postern', 'call', '--json', 'session.revoke_all', 'user=alice']))
  assert.is(revoked, 1)
  assert.ok(performance.now() - before < 3000)
  postern.until('it is started again', () => ![0, hung].includes(postern.pid('postern-gate@2')))
  assert.match(postern.journal('postern', '-p err'), /did not forget within a second/)
})

test.run()
