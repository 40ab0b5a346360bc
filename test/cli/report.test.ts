/** Every way to fail has its exit status, its sentence and its problem. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Exit, exitOfReason, exits, formatExits } from '../../cli/exit.ts'
import { CommandFault, RefusedFault } from '../../cli/fault.ts'
import { describeFailure, formatProblem, formatReport } from '../../cli/report.ts'
import { ClientError } from '../../server/client/error.ts'
import { no } from '../../server/operations/operation.ts'
import { type Reason, reasons } from '../../server/operations/reason.ts'

const test = suite('cli/report')

const expected: Partial<Record<Reason, Exit>> = {
  invalid_input: 'usage',
  unauthenticated: 'permission',
  login_failed: 'permission',
  login_continues: 'permission',
  refresh_failed: 'permission',
  forbidden: 'permission',
  reauthentication_required: 'permission',
  not_found: 'refused',
  conflict: 'refused',
  throttled: 'later',
  busy: 'later',
  unavailable: 'unreachable',
  storage_full: 'storage',
}
for (const [reason, exit] of Object.entries(expected) as [Reason, Exit][])
  test(`ends with ${exits[exit].status} for ${reason}`, () => assert.is(exitOfReason(reason), exit))

test('ends with something else than 0 for every refusal', () => {
  for (const reason of Object.keys(reasons) as Reason[]) assert.is.not(exits[exitOfReason(reason)].status, 0)
})

test('has each exit status once, and shows every one', () => {
  const statuses = Object.values(exits).map(({ status }) => status)
  assert.is(new Set(statuses).size, statuses.length)
  for (const status of statuses) assert.match(formatExits(), new RegExp(`^ +${status}  \\S`, 'm'))
})

test('shows a refusal to programs as HTTP does', () => {
  const report = describeFailure(new RefusedFault(no('throttled', 'wait', { retry_after: 90 })))
  assert.equal(JSON.parse(formatProblem(report)), {
    type: 'urn:postern:problem:throttled',
    title: reasons.throttled.title,
    status: 429,
    detail: 'wait',
    code: 'throttled',
    retry_after: 90,
  })
  assert.is(
    formatReport(report),
    'postern: error: too many failed logins: wait\npostern: hint: try again in 1 min 30 s\n',
  )
})

const faults: { given: unknown; exit: Exit; text: RegExp }[] = [
  { given: new CommandFault('usage', 'no', 'try'), exit: 'usage', text: /^postern: error: no\npostern: hint: try\n$/ },
  { given: new CommandFault('usage', 'no'), exit: 'usage', text: /^postern: error: no\n$/ },
  { given: new ClientError('unreachable', 'x'), exit: 'unreachable', text: /error: x\n/ },
  { given: new ClientError('interrupted', 'x'), exit: 'unreachable', text: /error: x\n/ },
  { given: new ClientError('timeout', 'x'), exit: 'unreachable', text: /error: x\n/ },
  { given: new ClientError('protocol', 'x'), exit: 'fault', text: /something else/ },
  { given: Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC' }), exit: 'storage', text: /ENOSPC: full/ },
  { given: new TypeError('a bug'), exit: 'fault', text: /a bug\n {4}at /u },
  { given: 'thrown', exit: 'fault', text: /thrown/ },
  { given: new RefusedFault(no('conflict', 'a\u001b[2Jb')), exit: 'refused', text: /a\\u001b\[2Jb/ },
  { given: new RefusedFault(no('unauthenticated')), exit: 'permission', text: /not logged in.*\n.*postern login/ },
]
for (const { given, exit, text } of faults) {
  test(`reports ${String(given)} as ${exit}`, () => {
    const report = describeFailure(given)
    assert.is(report.exit, exit)
    assert.match(formatReport(report), text)
  })
}

test('names the other machine in what it advises', () => {
  const host = 'https://box:7643/sub'
  for (const reason of ['unauthenticated', 'reauthentication_required'] as const)
    assert.match(
      describeFailure(new RefusedFault(no(reason)), host).hint ?? '',
      /: postern login --host https:\/\/box:7643\/sub$/,
    )
  assert.match(describeFailure(new ClientError('unreachable', 'x'), host).hint ?? '', /there.*postern remote on/)
})

test.run()
