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

const unix = (...types: string[]) => types.map(type => `${type} required pam_unix.so\n`).join('')

test('the first directory wins', () => {
  const rules = unix('auth', 'account', 'password').replaceAll(' ', '\t')
  const lib = write('lib', 'both', rules)
  assert.is(requirePamService('both', directories), lib)
  const etc = write('etc', 'both', rules)
  assert.is(requirePamService('both', directories), etc)
})

const incomplete = [
  { name: 'empty', rules: '', expect: /no rules for auth and account and password/ },
  { name: 'noaccount', rules: unix('auth', 'password'), expect: /no rules for account$/ },
  { name: 'nopassword', rules: unix('auth', 'account'), expect: /no rules for password$/ },
  {
    name: 'commented',
    rules: `${unix('account', 'password')}# auth required pam_unix.so\n`,
    expect: /no rules for auth$/,
  },
  { name: 'include', rules: `${unix('auth', 'account')}password include stack-auth\n`, expect: /for password$/ },
  { name: 'at-include', rules: `@include stack-auth\n${unix('account')}`, expect: /for password$/ },
  { name: 'circular', rules: '@include circular\n', expect: /for auth and account and password/ },
  { name: 'in-two-steps', rules: `${unix('password')}@include stack-both\n`, expect: /for account$/ },
]
for (const { name, rules, expect } of incomplete) {
  test(`a file whose rules would come from the service other is refused: ${name}`, () => {
    write('etc', 'stack-auth', unix('auth'))
    write('lib', 'stack-both', '@include stack-auth\n')
    write('etc', name, rules)
    assert.throws(() => requirePamService(name, directories), expect)
  })
}

const complete = [
  { name: 'optional', rules: `${unix('auth', 'account')}-password optional pam_unix.so\n` },
  { name: 'upper', rules: unix('AUTH', 'Account', 'password') },
  { name: 'continued', rules: `${unix('auth', 'account')}password \\\n include \\\n stack-password\n` },
  { name: 'included', rules: '@include stack-password\naccount include stack-account\nauth substack stack-account\n' },
  { name: 'by-path', rules: `${unix('auth', 'account')}@include ${root}/lib/stack-password\n` },
  { name: 'of-another-place', rules: `${unix('auth', 'account')}password include nowhere\n` },
]
for (const { name, rules } of complete) {
  test(`rules of its own, or a file that libpam refuses: ${name}`, () => {
    write('lib', 'stack-password', unix('password'))
    write('etc', 'stack-account', unix('account'))
    const path = write('etc', name, rules)
    assert.is(requirePamService(name, directories), path)
  })
}

test('a name that libpam would change is refused', () => {
  for (const name of ['Postern', '../postern', 'a/b', '', '.hidden'])
    assert.throws(() => requirePamService(name), /lower-case name/)
})

test.run()
