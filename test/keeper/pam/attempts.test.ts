import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createAttempts } from '../../../server/keeper/pam/attempts.ts'
import { type Account, createAccount, createPamService, type PamService, UNIX_RULES } from '../../support/account.ts'
import { buildPamModule } from '../../support/pam-module/build.ts'
import { answerText, CHILD, findChildren, LIMITS, outcome, play, request, waitFor } from './drive.ts'

const test = suite('keeper/pam/attempts')
const module = buildPamModule()
let account: Account
let service: PamService

test.before(async () => {
  account = await createAccount()
  service = createPamService(UNIX_RULES)
})
test.after(async () => {
  await service.remove()
  await account.remove()
  module.remove()
})

const login = (attempts: ReturnType<typeof createAttempts>) =>
  play(attempts.start(request(service.name, account.name)), [account.password])

/** Attempts of which one is over, and the number of the spare child that waits for the next. */
async function startWithSpare(spareMs = 60_000) {
  const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs })
  assert.is(outcome(await login(attempts)), 'ok')
  const [spare, ...others] = findChildren()
  assert.equal(others, [])
  return { attempts, spare }
}

test('an attempt uses the spare child, and another takes its place while that one works', async () => {
  const { attempts, spare } = await startWithSpare()
  const attempt = attempts.start(request(service.name, account.name))
  assert.is(String(attempt.pid), spare)
  assert.is((await attempt.next()).kind, 'ask')
  assert.equal(findChildren(), [spare])
  attempt.answer([answerText(account.password)])
  assert.is(findChildren().length, 2)
  assert.is(outcome(await play(attempt, [])), 'ok')
  assert.is(findChildren().length, 1)
  await attempts.close()
  assert.equal(findChildren(), [])
})

test('a spare child that died is replaced, not used', async () => {
  const { attempts, spare } = await startWithSpare()
  process.kill(Number(spare), 'SIGKILL')
  await waitFor(() => findChildren().length === 0)
  assert.is(outcome(await login(attempts)), 'ok')
  await attempts.close()
})

test('an unused spare child ends after its time', async () => {
  const { attempts, spare } = await startWithSpare(200)
  assert.ok(spare)
  await waitFor(() => findChildren().length === 0)
  await attempts.close()
})

test('no spare child is kept when none is wanted', async () => {
  const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs: 0 })
  assert.is(outcome(await login(attempts)), 'ok')
  assert.equal(findChildren(), [])
  await attempts.close()
})

test('a child that crashed is told of, one that answered is not', async () => {
  const signals: (string | null)[] = []
  const onFault = ({ signal }: { signal: string | null }) => void signals.push(signal)
  const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs: 0, onFault })
  const crashing = createPamService([`auth required ${module.path} crash`, 'account required pam_permit.so'])
  assert.is(outcome(await login(attempts)), 'ok')
  assert.is(outcome(await play(attempts.start(request(crashing.name, account.name)), [])), 'crashed')
  assert.equal(signals, ['SIGSEGV'])
  await crashing.remove()
  await attempts.close()
})

test('an attempt and a spare that cannot be started are told of', async () => {
  const faults: { pid: number | undefined; stderr: string }[] = []
  const onFault = (fault: { pid: number | undefined; stderr: string }) => void faults.push(fault)
  const command = [process.execPath, 'x'.repeat(4 << 20)] as const
  const attempts = createAttempts({ command, limits: LIMITS, spareMs: 60_000, onFault })
  assert.is(outcome(await login(attempts)), 'crashed')
  await waitFor(() => faults.length === 2)
  for (const { pid, stderr } of faults) assert.ok(pid === undefined && stderr.includes('E2BIG'), stderr)
  await attempts.close()
})

test('close ends the attempts that run, and none starts after it', async () => {
  const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs: 60_000 })
  const attempt = attempts.start(request(service.name, account.name))
  await attempts.close()
  assert.is(outcome(await play(attempt, [])), 'killed')
  assert.equal(findChildren(), [])
  assert.throws(() => attempts.start(request(service.name, account.name)), TypeError)
})

test('ten attempts at once each give their own answer', async () => {
  const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs: 0 })
  const stories = Array.from({ length: 10 }, (_, at) =>
    play(attempts.start(request(service.name, account.name)), [at % 2 === 0 ? account.password : 'wrong']),
  )
  const outcomes = (await Promise.all(stories)).map(outcome)
  assert.equal(outcomes, Array(5).fill(['ok', 'wrong_credentials']).flat())
  await attempts.close()
  assert.equal(findChildren(), [])
})

/** Runs a keeper of its own with one attempt, and gives the child's number and a way to kill the keeper. */
async function startKeeper(service: string, drive: string) {
  const source = join(import.meta.dirname, '../../../server/keeper/pam/attempts.ts')
  const options = { command: CHILD, limits: LIMITS, spareMs: 60_000 }
  const script = `
    import { createAttempts } from ${JSON.stringify(source)}
    const attempts = createAttempts(${JSON.stringify(options)})
    const attempt = attempts.start(${JSON.stringify(request(service, account.name))})
    ${drive}
    console.log(attempt.pid)`
  const keeper = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = await new Promise<number>(resolve => keeper.stdout.once('data', line => resolve(Number(line))))
  return { pid, kill: () => keeper.kill('SIGKILL') }
}

test('a child dies with its keeper, even while a module hangs', async () => {
  const hanging = createPamService([`auth required ${module.path} hang`, 'account required pam_permit.so'])
  const { pid, kill } = await startKeeper(hanging.name, '')
  await waitFor(() => readFileSync(`/proc/${pid}/maps`, 'utf8').includes(module.path))
  kill()
  await waitFor(() => isGone(pid))
  await hanging.remove()
})

test('a child that is writing a new password outlives its keeper', async () => {
  const file = `${module.path}.changed`
  const slow = createPamService([
    `auth required ${module.path} yes`,
    `account required ${module.path} change`,
    `password required ${module.path} slow ${file} 700`,
  ])
  const drive = `await attempt.next(); attempt.proceed(); await attempt.next(); attempt.answer(['new'])`
  const { pid, kill } = await startKeeper(slow.name, drive)
  kill()
  await waitFor(() => isGone(pid))
  assert.ok(existsSync(file))
  await slow.remove()
})

/** True for a process that is gone or waits to be reaped. */
function isGone(pid: number): boolean {
  return !existsSync(`/proc/${pid}`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

test('nobody may look into a child or dump its memory', async () => {
  // The kernel gives the files of a process that may not be dumped to root, whoever it runs as.
  const command = ['/usr/bin/setpriv', '--reuid=65534', '--clear-groups', ...CHILD] as const
  const attempts = createAttempts({ command, limits: LIMITS, spareMs: 60_000 })
  try {
    const { pid } = attempts.start(request(service.name, account.name))
    await waitFor(() => /Uid:\t65534/.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
    await waitFor(() => statSync(`/proc/${pid}/environ`).uid === 0)
  } finally {
    await attempts.close()
  }
})

test('a child has a session of its own and no environment', async () => {
  const attempts = createAttempts({ command: CHILD, limits: LIMITS, spareMs: 0 })
  const attempt = attempts.start(request(service.name, account.name))
  await attempt.next()
  const session = execFileSync('ps', ['-o', 'sid=', '-p', String(attempt.pid)], { encoding: 'utf8' })
  assert.is(session.trim(), String(attempt.pid))
  assert.is(readFileSync(`/proc/${attempt.pid}/environ`, 'utf8'), '')
  await attempts.close()
})

test.run()
