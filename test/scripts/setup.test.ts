/** On a machine that has everything, setup says nothing and takes no time; the PAM service file fits the distribution. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const scripts = join(import.meta.dirname, '../../scripts')

const test = suite('setup')

test('says nothing and does nothing when all is there, in less than 100 ms', () => {
  const millis = [1, 2, 3, 4, 5].map(() => {
    const begin = performance.now()
    const done = spawnSync(join(scripts, 'setup'), ['--test'], { encoding: 'utf8' })
    assert.equal([done.status, done.stdout, done.stderr], [0, '', ''])
    return performance.now() - begin
  })
  // the best of five: the machine does other work meanwhile
  assert.ok(Math.min(...millis) < 100, `${millis}`)
})

test('refuses an argument that it does not know', () => {
  assert.is(spawnSync(join(scripts, 'setup'), ['--tests']).status, 64)
})

const stacks = [
  { name: 'Debian', given: 'etc/pam.d/common-auth', expect: ['common-auth', 'common-account', 'common-password'] },
  {
    name: 'SUSE with vendor files',
    given: 'usr/lib/pam.d/common-auth',
    expect: ['common-auth', 'common-account', 'common-password'],
  },
  { name: 'Fedora', given: 'etc/pam.d/password-auth', expect: ['password-auth', 'password-auth', 'password-auth'] },
]

for (const { name, given, expect } of stacks) {
  test(`the PAM service uses the stacks of ${name}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-pam-'))
    try {
      mkdirSync(join(folder, dirname(given)), { recursive: true })
      writeFileSync(join(folder, given), '')
      const { stdout } = spawnSync(join(scripts, 'pam-service'), [folder], { encoding: 'utf8' })
      const used = [...stdout.matchAll(/^(?:auth|account|password) +substack +(\S+)$/gm)].map(match => match[1])
      assert.equal(used, expect)
      assert.match(stdout, /^account +required +pam_nologin\.so$/m)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

test('writes no PAM service where it knows no stack: a guess would fail every login', () => {
  const done = spawnSync(join(scripts, 'pam-service'), ['/nowhere'], { encoding: 'utf8' })
  assert.equal([done.status, done.stdout], [78, ''])
})

test.run()
