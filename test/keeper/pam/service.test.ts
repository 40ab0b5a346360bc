import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { requirePamService } from '../../../server/keeper/pam/service.ts'

const test = suite('keeper/pam/service')
const root = mkdtempSync(join(tmpdir(), 'postern-services-'))
const directories = [join(root, 'etc'), join(root, 'lib')]
test.before(() => {
  for (const directory of directories) mkdirSync(directory)
})
test.after(() => rmSync(root, { recursive: true }))

function write(at: 'etc' | 'lib', service: string, rules: string): string {
  const path = join(root, at, service)
  writeFileSync(path, rules)
  return path
}

test('a missing service is named with the places that were searched', () => {
  assert.throws(() => requirePamService('nowhere', directories), /nowhere: no such file in .*etc or .*lib/)
})

test('the first directory wins', () => {
  const rules = 'auth required pam_unix.so\naccount\trequired pam_unix.so\n'
  const lib = write('lib', 'both', rules)
  assert.is(requirePamService('both', directories), lib)
  const etc = write('etc', 'both', rules)
  assert.is(requirePamService('both', directories), etc)
})

const incomplete = [
  { name: 'empty', rules: '', expect: /no rules for auth and account/ },
  { name: 'noaccount', rules: 'auth required pam_unix.so\n', expect: /no rules for account/ },
  {
    name: 'commented',
    rules: 'account required pam_unix.so\n# auth required pam_unix.so\n',
    expect: /no rules for auth/,
  },
]
for (const { name, rules, expect } of incomplete) {
  test(`a file whose rules would come from the service other is refused: ${name}`, () => {
    write('etc', name, rules)
    assert.throws(() => requirePamService(name, directories), expect)
  })
}

test('included and optional rules count', () => {
  write('etc', 'included', '@include common-auth\n-account optional pam_unix.so\n')
  assert.ok(requirePamService('included', directories))
})

test('a name that libpam would change is refused', () => {
  for (const name of ['Postern', '../postern', 'a/b', '', '.hidden'])
    assert.throws(() => requirePamService(name), /lower-case name/)
})

test.run()
