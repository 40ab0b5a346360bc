/** Instants: what has passed since, by clocks that are set and boots that come between. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createSystemClock } from '../../server/keeper/clock.ts'
import { elapsedMs, instantNow, shownWallMs, toRfc3339 } from '../../server/keeper/instant.ts'
import { createMovableClock, type MovableClock, noonMs } from './session/movable-clock.ts'

const test = suite('keeper/instant')

const minuteMs = 60_000
const rows: [name: string, move: (clock: MovableClock) => void, elapsed: number, shown: number][] = [
  ['nothing happened', () => {}, 0, noonMs],
  ['a minute passed', clock => clock.pass(60), minuteMs, noonMs],
  ['the clock was set ahead', clock => clock.setWall(noonMs + 9e9), 0, noonMs + 9e9],
  ['the clock was set back', clock => clock.setWall(5), 0, 5],
  [
    'the clock was set ahead and a minute passed',
    clock => {
      clock.setWall(noonMs + 9e9)
      clock.pass(60)
    },
    minuteMs,
    noonMs + 9e9,
  ],
  ['the machine was off for a minute', clock => clock.reboot({ wallMs: noonMs + minuteMs }), minuteMs, noonMs],
  ['the machine boots at 1970', clock => clock.reboot({ wallMs: 5, uptimeSeconds: 20 }), 20_000, noonMs],
  [
    'a container was off for a minute and its host was not',
    clock => clock.reboot({ wallMs: noonMs + minuteMs, isContainer: true }),
    minuteMs,
    noonMs,
  ],
  [
    'a container starts anew at 1970',
    clock => clock.reboot({ wallMs: 5, uptimeSeconds: 30, isContainer: true }),
    30_000,
    noonMs,
  ],
  ['the machine boots a second before, by its clock', clock => clock.reboot({ wallMs: noonMs - 1000 }), 20_000, noonMs],
]
for (const [name, move, elapsed, shown] of rows)
  test(`when ${name}: ${elapsed} ms have passed, and it is shown as ${new Date(shown).toISOString()}`, () => {
    const clock = createMovableClock()
    const instant = instantNow(clock)
    move(clock)
    assert.is(elapsedMs(instant, clock), elapsed)
    assert.is(shownWallMs(instant, clock), shown)
  })

test('an instant that the monotonic clock has not reached is of another run, however little is missing', () => {
  const clock = createMovableClock()
  const instant = { ...instantNow(clock), monotonicMs: clock.monotonicMs() + 1 }
  // It would be 0, and time would stand still until the clock is there, in days perhaps.
  assert.is(elapsedMs(instant, clock), clock.monotonicMs())
})

test('times are RFC 3339 in UTC', () => {
  assert.is(toRfc3339(noonMs), '2026-03-01T12:00:00.000Z')
})

test('the system’s clock is the kernel’s, whatever a container is shown as its uptime', () => {
  const source = join(import.meta.dirname, '../../server/keeper/clock.ts')
  const script = `
    import { readFileSync } from 'node:fs'
    import { createSystemClock } from ${JSON.stringify(source)}
    console.log(readFileSync('/proc/uptime', 'utf8').trim(), createSystemClock().monotonicMs())`
  const directory = mkdtempSync(join(tmpdir(), 'postern-uptime-'))
  const shown = join(directory, 'uptime')
  writeFileSync(shown, '5.00 5.00\n')
  const shell = 'mount --bind "$1" /proc/uptime; shift; exec "$@"'
  const node = [process.execPath, '--input-type=module', '-e', script]
  const before = createSystemClock().monotonicMs()
  const { stdout } = spawnSync('unshare', ['--mount', 'sh', '-c', shell, 'sh', shown, ...node], { encoding: 'utf8' })
  rmSync(directory, { recursive: true })
  const [uptime, idle, monotonicMs] = stdout.trim().split(' ')
  assert.equal([uptime, idle], ['5.00', '5.00'])
  assert.ok(Number(monotonicMs) >= before && Number(monotonicMs) <= createSystemClock().monotonicMs(), stdout)
})

test('the system’s clock has whole milliseconds, goes ahead, and knows its boot', () => {
  const clock = createSystemClock()
  const first = clock.monotonicMs()
  assert.ok(Number.isSafeInteger(first) && Number.isSafeInteger(clock.wallMs()))
  assert.ok(clock.monotonicMs() >= first)
  assert.match(clock.bootId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test.run()
