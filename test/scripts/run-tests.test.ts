/** The test runner counts what ran, and takes whatever did not run for a failure. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const root = join(import.meta.dirname, '../..')
const runner = join(root, 'scripts/run-tests.ts')
const uvu = `import { test } from '${root}/node_modules/uvu/dist/index.mjs'`

const cases = [
  {
    name: 'counts every test that passes',
    source: `${uvu}; test('a', () => {}); test('b', () => {}); test.run()`,
    expect: '2 passed, 0 failed',
  },
  {
    name: 'counts failures beside passes',
    source: `${uvu}; test('a', () => {}); test('b', () => { throw new Error('no') }); test.run()`,
    expect: '1 passed, 1 failed',
  },
  {
    name: 'takes a skipped test for a failure',
    source: `${uvu}; test('a', () => {}); test.skip('b', () => {}); test.run()`,
    expect: '1 passed, 1 failed',
  },
  {
    name: 'takes a suite that was never run for a failure',
    source: `${uvu}; test('a', () => {})`,
    expect: '0 passed, 1 failed',
  },
  { name: 'takes an empty file for a failure', source: '', expect: '0 passed, 1 failed' },
  { name: 'takes a crash for a failure', source: `throw new Error('early')`, expect: '0 passed, 1 failed' },
  {
    name: 'takes a crash after the tests for a failure',
    source: `${uvu}; test('a', () => {}); test.run(); setTimeout(() => process.exit(3), 200)`,
    expect: '1 passed, 1 failed',
  },
  {
    name: 'takes a file that does not end for a failure',
    source: `${uvu}; test('a', () => {}); test.run(); setInterval(() => {}, 1000)`,
    expect: '1 passed, 1 failed',
  },
  { name: 'takes a file that is not there for a failure', source: undefined, expect: '0 passed, 1 failed' },
]

const test = suite('run-tests')

for (const { name, source, expect } of cases) {
  test(name, () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-runner-'))
    try {
      const file = join(folder, 'case.test.ts')
      if (source !== undefined) writeFileSync(file, source)
      const done = spawnSync(process.execPath, [runner, '--limit', '2', file], { encoding: 'utf8' })
      assert.is(done.stdout.trimEnd().split('\n').at(-1), expect, done.stdout)
      assert.is(done.status, expect.endsWith(' 0 failed') ? 0 : 1)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

test.run()
