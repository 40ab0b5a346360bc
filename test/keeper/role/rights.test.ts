/** What a role cap leaves of the rights of an identity. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { capRights, commonPermissions } from '../../../server/keeper/role/rights.ts'

const test = suite('keeper/role/rights')

const common = [
  { some: ['*'], others: ['status.read'], expect: ['status.read'] },
  { some: ['job.*'], others: ['*'], expect: ['job.*'] },
  { some: ['job.*'], others: ['job.install', 'session.read'], expect: ['job.install'] },
  { some: ['session.read'], others: ['job.*'], expect: [] },
  { some: [], others: ['*'], expect: [] },
  { some: ['job.*', 'status.read'], others: ['job.disk.*', 'status.*'], expect: ['status.read', 'job.disk.*'] },
]
for (const { some, others, expect } of common)
  test(`${some.join(' ') || 'nothing'} and ${others.join(' ')} have ${expect.join(' ') || 'nothing'} in common`, () =>
    assert.equal(commonPermissions(some, others), expect))

const roles = { reports: { permissions: ['report.read', 'status.read'] } }
const cap = (own: { roles: string[]; permissions: string[] }, role: string, isGranted = false) =>
  capRights(own, role, { roles, isGranted })

test('an admin is cut down to the role', () => {
  const admin = { roles: ['admin'], permissions: ['*'] }
  assert.equal(cap(admin, 'viewer'), { roles: ['viewer'], permissions: ['status.read'] })
  assert.equal(cap(admin, 'reports'), { roles: ['reports'], permissions: ['report.read', 'status.read'] })
})

test('a cap gives nothing that the identity does not hold', () => {
  assert.equal(cap({ roles: ['viewer'], permissions: ['status.read'] }, 'admin'), {
    roles: [],
    permissions: ['status.read'],
  })
  assert.equal(cap({ roles: [], permissions: [] }, 'viewer'), { roles: [], permissions: [] })
  assert.equal(cap({ roles: ['viewer'], permissions: ['status.read'] }, 'reports'), {
    roles: [],
    permissions: ['status.read'],
  })
})

test('a role that is no more leaves nothing', () => {
  assert.equal(cap({ roles: ['admin'], permissions: ['*'] }, 'gone'), { roles: [], permissions: [] })
})

test('the kiosk has the role that the configuration gives it', () => {
  assert.equal(cap({ roles: [], permissions: [] }, 'viewer', true), { roles: ['viewer'], permissions: ['status.read'] })
})

test.run()
