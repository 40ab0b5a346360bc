/**
 * Runs the checks and every test file, each in a process of its own with a time limit, and counts.
 *
 *   run-tests.ts [--quick] [--limit SECONDS] [FILE…]    FILE…: only these, without the checks
 *
 * --quick leaves out test/e2e and test/systemd: what is left takes less than a minute.
 *
 * A file that crashes, hangs, or holds no test is one failure; so is a skipped test, and a check that does not pass.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..')

interface Task {
  name: string
  argv: readonly string[]
  limitSeconds: number
  /** counts its own tests (uvu); a check is one test, judged by its exit status */
  counts: boolean
}

interface Ended {
  status: number | null
  output: string
  late: boolean
}

interface Verdict {
  passed: number
  failed: number
  /** why it failed beyond its own counting */
  note: string
}

const running = new Set<ChildProcess>()
let stopped = false

/** Runs a command in a process group of its own, and ends what it leaves behind. */
function runTask({ argv: [program = '', ...words], limitSeconds }: Task): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
  const child = spawn(program, words, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  let late = false
  child.stdout.on('data', chunk => (output += chunk))
  child.stderr.on('data', chunk => (output += chunk))
  const limit = setTimeout(() => {
    late = true
    endGroup(child, 'SIGTERM')
    // 5 s to clean up after itself: accounts, mounts, files
    setTimeout(() => endGroup(child, 'SIGKILL'), 5_000).unref()
  }, limitSeconds * 1000)
  return new Promise(settle => {
    const finish = (status: number | null) => {
      clearTimeout(limit)
      running.delete(child)
      settle({ status, output, late })
    }
    child.once('error', error => {
      output += error.message
      finish(null)
    })
    // A process that the file left behind would hold the pipes open for ever.
    child.once('exit', () => endGroup(child, 'SIGKILL'))
    child.once('close', finish)
  })
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // nobody is left in it
  }
}

/** Judges a task by uvu's own summary and by how its process ended. */
function judge(task: Task, { status, output, late }: Ended): Verdict {
  if (!task.counts) return status === 0 ? { passed: 1, failed: 0, note: '' } : { passed: 0, failed: 1, note: '' }
  const [total, passed, skipped] = ['Total', 'Passed', 'Skipped'].map(word => sumOf(output, word))
  if (late) return { passed: passed ?? 0, failed: 1, note: `no end after ${task.limitSeconds} s` }
  if (!total && !skipped) return { passed: 0, failed: 1, note: status === 0 ? 'no tests' : 'crashed' }
  const failed = (total ?? 0) - (passed ?? 0) + (skipped ?? 0)
  if (failed === 0 && status !== 0) return { passed: passed ?? 0, failed: 1, note: `exit status ${status}` }
  return { passed: passed ?? 0, failed, note: skipped ? `${skipped} skipped` : '' }
}

function sumOf(output: string, word: string): number {
  let sum = 0
  for (const [, figure] of output.matchAll(new RegExp(`^ *${word}: +(\\d+)$`, 'gm'))) sum += Number(figure)
  return sum
}

function shellScripts(): string[] {
  const files = globSync(['scripts/*', 'scripts/kiosk/**', '.ci/*', 'systemd/**', 'test/support/**'], {
    cwd: root,
    withFileTypes: true,
  })
  const paths = files.filter(file => file.isFile()).map(file => relative(root, join(file.parentPath, file.name)))
  return paths.filter(path => readFileSync(join(root, path), 'utf8').startsWith('#!/bin/sh')).sort()
}

function checks(): Task[] {
  const node = process.execPath
  const check = (name: string, ...argv: string[]): Task => ({ name, argv, limitSeconds: 120, counts: false })
  return [
    check('types', node, 'node_modules/.bin/tsc', '-p', 'tsconfig.json'),
    check('lint', 'scripts/lint'),
    check('shell', 'shellcheck', ...shellScripts()),
    check('imports', node, 'scripts/check-imports.ts'),
  ]
}

/** Whether a file changes state of the whole machine, so that no other may run beside it. */
function runsAlone(file: string): boolean {
  return /^test\/(e2e|systemd)\//.test(file)
}

function fileTask(file: string, limit: string | undefined): Task {
  const limitSeconds = Number(limit ?? (runsAlone(file) ? 300 : 120))
  return { name: file, argv: [process.execPath, file], limitSeconds, counts: true }
}

const total = { passed: 0, failed: 0 }

async function runOne(task: Task): Promise<void> {
  const begin = performance.now()
  const ended = await runTask(task)
  const { passed, failed, note } = judge(task, ended)
  total.passed += passed
  total.failed += failed
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  const count = task.counts ? `${passed}${failed === 0 ? '' : `, ${failed} failed`}` : ''
  console.log(
    `${failed === 0 ? 'ok  ' : 'FAIL'} ${task.name.padEnd(48)} ${seconds.padStart(5)} s  ${count} ${note}`.trimEnd(),
  )
  if (failed > 0) console.log(ended.output.replace(/^/gm, '     | '))
}

async function runAll(tasks: Task[], together: number): Promise<void> {
  const queue = tasks.values()
  const worker = async () => {
    for (const task of queue) if (!stopped) await runOne(task)
  }
  await Promise.all(Array.from({ length: together }, worker))
}

async function main(): Promise<void> {
  const options = { quick: { type: 'boolean' }, limit: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const named = positionals.map(file => relative(root, resolve(file)))
  const all = globSync('test/**/*.test.ts', { cwd: root }).sort()
  const chosen = values.quick ? all.filter(file => !runsAlone(file)) : all
  const tasks = (named.length > 0 ? named : chosen).map(file => fileTask(file, values.limit))
  await runAll([...(named.length > 0 ? [] : checks()), ...tasks.filter(task => !runsAlone(task.name))], 2)
  await runAll(
    tasks.filter(task => runsAlone(task.name)),
    1,
  )
  console.log(`${total.passed} passed, ${total.failed} failed`)
  process.exitCode = stopped ? 130 : total.failed === 0 ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped = true
    for (const child of running) endGroup(child, 'SIGTERM')
  })
}

await main()
