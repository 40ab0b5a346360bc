/** Logins with real PAM children, a real store and throttle, and a directory that the test makes up. */
import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller, Facts } from '../../../server/keeper/caller.ts'
import type { Account } from '../../../server/keeper/libc.ts'
import { createAdmission } from '../../../server/keeper/login/admission.ts'
import { Logins } from '../../../server/keeper/login/logins.ts'
import type { Attempt, AttemptEvent } from '../../../server/keeper/pam/attempt.ts'
import { type Attempts, createAttempts } from '../../../server/keeper/pam/attempts.ts'
import { createThrottle, DEFAULT_THROTTLE_LIMITS } from '../../../server/keeper/throttle/throttle.ts'
import { systemTimer } from '../../../server/keeper/throttle/timer.ts'
import { createPamService, type PamService } from '../../support/account.ts'
import { buildPamModule } from '../../support/pam-module/build.ts'
import { CHILD, findChildren, LIMITS, userName, waitFor } from '../pam/drive.ts'
import { createHouse, type House, here } from '../session/house.ts'

const test = suite('logins')
const module = buildPamModule()
const alice: Account = { name: 'alice', uid: 1000, gid: 1000, groups: ['staff'] }
const services = new Map<string, PamService>()
let house: House

test.before(async () => {
  house = await createHouse()
})
test.after(async () => {
  await house.close()
  for (const service of services.values()) await service.remove()
  module.remove()
})

/** A service whose module behaves so. */
function serviceOf(mode: string): string {
  const rules = [`auth required ${module.path} ${mode}`, 'account required pam_permit.so']
  const service = services.get(mode) ?? createPamService(rules)
  services.set(mode, service)
  return service.name
}

interface Made {
  readonly mode: string
  readonly findAccount?: (name: string) => Promise<Account | null>
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
  readonly children?: number
  readonly attempts?: Attempts
}

const realAttempts = () => createAttempts({ command: CHILD, limits: LIMITS, spareMs: 0 })

function make({ mode, findAccount = async () => alice, sleep = async () => {}, children = 10, ...made }: Made) {
  const { clock, store, sessions } = house
  const throttle = createThrottle({ clock, timer: systemTimer, limits: DEFAULT_THROTTLE_LIMITS })
  const attempts = made.attempts ?? realAttempts()
  const logins = new Logins({
    attempts,
    throttle,
    sessions,
    store,
    clock,
    findAccount,
    sleep,
    random: randomBytes,
    admission: createAdmission({ clock, limits: { children, perSource: 2, keptForLocal: 2, retryAfterSeconds: 3 } }),
    pam: () => ({ service: serviceOf(mode), backend: 'conversation' }),
    refusalDelayMs: () => 2000,
    isAllowed: ({ groups }) => groups.includes('staff'),
    forget: async () => {},
  })
  const facts: Record<string, Facts[string]> = {}
  const abort = new AbortController()
  const caller: Caller = {
    door: 'gate',
    from: here,
    authenticated: null,
    signal: abort.signal,
    note: more => Object.assign(facts, more),
  }
  const failures = () => throttle.list().sources[0]?.failures ?? 0
  return { logins, attempts, caller, facts, abort, failures }
}

test('an account is who the directory says, however PAM’s name for it is spelled', async () => {
  const { logins, caller, facts } = make({ mode: 'yes' })
  const answer = await logins.begin({ user: 'ALICE' }, caller)
  assert.ok(answer.ok)
  assert.is(answer.value.identity.name, 'alice')
  assert.is(facts.account, 'ALICE')
  assert.is(facts.user, 'alice')
})

test('a name that no account has is refused, whatever PAM says', async () => {
  const { logins, caller, facts } = make({ mode: 'yes', findAccount: async () => null })
  const answer = await logins.begin({ user: 'alice' }, caller)
  assert.equal(answer, { ok: false, reason: 'login_failed' })
  assert.is(facts.reason, 'not_in_login_allow')
})

for (const source of ['ip:127.0.0.1', 'ip6:::/64']) {
  test(`a cookie for ${source} without a known uid would be anybody's, so there is none`, async () => {
    const { logins, caller } = make({ mode: 'yes' })
    const unknown = { ...caller, from: { ...caller.from, source, uid: null, secure: false } }
    const answer = await logins.begin({ user: 'alice', cookie: true }, unknown)
    assert.is(answer.ok ? 'in' : answer.reason, 'busy')
    assert.is(logins.inProgress, 0)
    assert.ok((await logins.begin({ user: 'alice' }, unknown)).ok)
  })
}

test('a directory that cannot be asked is a fault, and leaves no child', async () => {
  const { logins, caller } = make({
    mode: 'yes',
    findAccount: () => Promise.reject(new Error('the directory is down')),
  })
  await logins.begin({ user: 'alice' }, caller).then(
    () => assert.unreachable(),
    fault => assert.is(fault.message, 'the directory is down'),
  )
  await waitFor(() => findChildren().length === 0 && logins.inProgress === 0)
})

test('a refusal is answered at its instant, counted from the start, and holds no child until then', async () => {
  const slept: number[] = []
  let release = () => {}
  const sleep = (ms: number) => {
    slept.push(ms)
    return new Promise<void>(resolve => {
      release = resolve
    })
  }
  const { logins, caller } = make({ mode: 'no', sleep })
  let isAnswered = false
  const answer = logins.begin({ user: 'alice' }, caller).finally(() => {
    isAnswered = true
  })
  await waitFor(() => slept.length === 1 && findChildren().length === 0)
  assert.is(logins.inProgress, 0)
  assert.not(isAnswered)
  assert.ok(slept[0] !== undefined && slept[0] >= 2000 && slept[0] < 2100)
  release()
  assert.equal(await answer, { ok: false, reason: 'login_failed' })
})

test('the time that an attempt took is part of the delay', async () => {
  const slept: number[] = []
  const sleep = async (ms: number) => void slept.push(ms)
  const no = { kind: 'result', ok: false, phase: 'authenticate', code: 7, reason: 'wrong_credentials', message: '' }
  const { start, close } = scripted([no as AttemptEvent])
  const slow: Attempts['start'] = request => {
    house.clock.pass(0.7)
    return start(request)
  }
  const { logins, caller } = make({ mode: 'no', sleep, attempts: { start: slow, close } })
  assert.is(reasonOf(await logins.begin({ user: 'alice', password: 'x' }, caller)), 'login_failed')
  assert.ok(slept.length === 1 && slept.every(ms => ms >= 1300 && ms < 1400), slept.join())
})

const outcomes = [
  { name: 'a wrong answer', mode: 'wait', given: 'no', reason: 'wrong_credentials' },
  { name: 'a module that crashes', mode: 'crash', given: 'x', reason: 'crashed' },
  { name: 'a password that PAM cannot take', mode: 'wait', given: 'yes\0', reason: 'unsupported_text' },
]
for (const { name, mode, given, reason } of outcomes) {
  test(`${name} is one failure of the source`, async () => {
    const { logins, caller, facts, failures } = make({ mode })
    assert.equal(await logins.begin({ user: 'alice', password: given }, caller), { ok: false, reason: 'login_failed' })
    assert.is(facts.reason, reason)
    await waitFor(() => logins.inProgress === 0)
    assert.is(failures(), 1)
  })
}

test('a right answer is none', async () => {
  const { logins, caller, failures } = make({ mode: 'wait' })
  assert.ok((await logins.begin({ user: 'alice', password: 'yes' }, caller)).ok)
  assert.is(failures(), 0)
})

test('a client that hangs up while its password is tried has failed; one that never answered has not', async () => {
  const cut = make({ mode: 'hang' })
  const answer = cut.logins.begin({ user: 'alice', password: 'x' }, cut.caller)
  await waitFor(() => cut.logins.inProgress === 1)
  cut.abort.abort()
  assert.not((await answer).ok)
  assert.is(cut.facts.reason, 'killed')
  assert.is(cut.failures(), 1)
  await waitFor(() => findChildren().length === 0)

  const silent = make({ mode: 'wait' })
  const step = await silent.logins.begin({ user: 'alice' }, silent.caller)
  assert.ok(!step.ok && step.reason === 'login_continues')
  await silent.attempts.close()
  await waitFor(() => silent.logins.inProgress === 0)
  assert.is(silent.failures(), 0)
})

test('a refusal whose client hangs up is over at once, counted and with its reason', async () => {
  const sleep = (_ms: number, signal: AbortSignal) =>
    new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  const { logins, caller, facts, abort, failures } = make({ mode: 'no', sleep })
  const answer = logins.begin({ user: 'alice' }, caller)
  await waitFor(() => failures() === 1 && logins.inProgress === 0)
  abort.abort()
  assert.is(reasonOf(await answer), 'login_failed')
  assert.is(facts.reason, 'wrong_credentials')
  assert.is(failures(), 1)
})

/** Attempts that all say the same, whatever they are asked; `killed` is told of each that is to end. */
function scripted(events: readonly AttemptEvent[], killed: () => void = () => {}): Attempts {
  const start = () => {
    const left = [...events]
    const next = async () => left.shift() ?? new Promise<never>(() => {})
    const ended = new Promise<never>(() => {})
    return { pid: undefined, next, answer: () => {}, proceed: () => {}, kill: killed, ended }
  }
  return { start, close: async () => {} }
}

test('who is let in at the end is who was judged, whatever a child says', async () => {
  for (const events of [
    [
      { kind: 'account', user: userName('alice'), mustChange: false },
      { kind: 'result', ok: true, user: userName('root') },
    ],
    [{ kind: 'result', ok: true, user: userName('root') }],
  ] satisfies AttemptEvent[][]) {
    const { logins, caller, facts } = make({ mode: 'no', attempts: scripted(events) })
    assert.is(reasonOf(await logins.begin({ user: 'alice' }, caller)), 'login_failed')
    assert.is(facts.reason, 'account_not_judged')
  }
})

test('a login at work keeps its place; one that waits for its client loses it to another source', async () => {
  let kills = 0
  const question: AttemptEvent = { kind: 'ask', prompts: [{ kind: 'secret', text: 'Code: ' }] }
  const attempts = scripted([question], () => kills++)
  const { logins, caller } = make({ mode: 'no', attempts, children: 3 })
  const from = (address: string): Caller => ({ ...caller, from: { ...here, local: false, source: `ip:${address}` } })
  const begin = (address: string) => logins.begin({ user: address }, from(address))
  const first = await begin('203.0.113.1')
  assert.ok(!first.ok && first.reason === 'login_continues')
  const second = await begin('203.0.113.2')
  assert.is(reasonOf(second), 'login_continues')
  assert.is(kills, 1)
  assert.ok(!second.ok)
  void logins.answer({ conversation: String(second.more?.conversation), answers: ['x'] }, from('203.0.113.2'))
  assert.is(reasonOf(await begin('203.0.113.3')), 'busy')
  assert.is(kills, 1)
})

test('a login whose child is gone before its texts were told is over, and leaves nothing behind', async () => {
  const show: AttemptEvent = { kind: 'show', messages: [{ kind: 'info', text: 'again' }] }
  const gone: Attempt = {
    pid: undefined,
    next: async () => show,
    answer: () => {},
    proceed: () => {},
    kill: () => {},
    ended: Promise.resolve({ exitCode: 0, signal: null, stderr: '' }),
  }
  const { logins, caller } = make({
    mode: 'no',
    attempts: { start: () => gone, close: async () => {} },
  })
  // As many as would make the source wait, were they still counted as under way.
  for (let round = 0; round < 5; round++) {
    const step = await logins.begin({ user: `alice${round}` }, caller)
    assert.ok(!step.ok && step.reason === 'login_continues')
    const answer = await logins.answer({ conversation: String(step.more?.conversation), answers: [] }, caller)
    assert.is(reasonOf(answer), 'login_failed')
  }
})

test('an attempt that breaks before it begins keeps no place, and does not count as under way', async () => {
  const start = () => {
    throw new Error('no process')
  }
  const { logins, caller, failures } = make({ mode: 'no', attempts: { start, close: async () => {} } })
  for (let round = 0; round < 5; round++) {
    const fault = await logins.begin({ user: `alice${round}`, password: 'x' }, caller).catch((thrown: Error) => thrown)
    assert.is(String(fault), 'Error: no process')
  }
  assert.is(failures(), 0)
})

test('without a place for a child the answer is busy, and counts nothing', async () => {
  const { logins, caller, attempts, failures } = make({ mode: 'wait', children: 3 })
  const others = ['uid:1', 'uid:2'].map(source => ({ ...caller, from: { ...here, source } }))
  for (const other of others) assert.is(reasonOf(await logins.begin({ user: source(other) }, other)), 'login_continues')
  const answer = await logins.begin({ user: 'alice', password: 'yes' }, caller)
  assert.is(reasonOf(answer), 'busy')
  assert.ok(!answer.ok && answer.more?.retry_after === 3)
  assert.is(failures(), 0)
  // Nor does it count as under way for ever.
  for (let round = 0; round < 5; round++)
    assert.is(reasonOf(await logins.begin({ user: 'alice', password: 'yes' }, caller)), 'busy')
  await attempts.close()
})

function source({ from }: Caller): string {
  return from.source
}

function reasonOf(answer: Awaited<ReturnType<Logins['begin']>>): string {
  return answer.ok ? 'ok' : answer.reason
}

test.run()
