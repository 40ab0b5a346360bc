/** What a role permits. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { holdsPermission, permissionsOf } from '../../../server/keeper/role/permission.ts'
import { builtInRoles } from '../../../server/operations/role.ts'

const test = suite('role permission')

const cases = [
  { held: ['*'], wanted: 'session.manage', expect: true },
  { held: ['session.manage'], wanted: 'session.manage', expect: true },
  { held: ['job.*'], wanted: 'job.install', expect: true },
  { held: ['job.*'], wanted: 'job.disk.wipe', expect: true },
  { held: ['job.disk.*'], wanted: 'job.disk.wipe', expect: true },
  { held: ['status.read', 'job.*'], wanted: 'job.run', expect: true },
  { held: [], wanted: 'status.read', expect: false },
  { held: ['job.*'], wanted: 'job', expect: false },
  { held: ['job.*'], wanted: 'jobs.install', expect: false },
  { held: ['job.*'], wanted: 'jobinstall', expect: false },
  { held: ['session.read'], wanted: 'session.manage', expect: false },
  { held: ['session'], wanted: 'session.manage', expect: false },
  { held: ['session.manage.all'], wanted: 'session.manage', expect: false },
  { held: ['job*'], wanted: 'job.install', expect: false },
  { held: ['*.read'], wanted: 'session.read', expect: false },
  { held: ['status.read'], wanted: '*', expect: false },
  { held: [''], wanted: 'status.read', expect: false },
]

for (const { held, wanted, expect } of cases)
  test(`[${held.join(', ')}] ${expect ? 'covers' : 'does not cover'} ${wanted}`, () =>
    assert.is(holdsPermission(held, wanted), expect))

test('several roles add up, each permission once', () => {
  const custom = { clerk: { permissions: ['status.read', 'paper.print'] } }
  assert.equal(permissionsOf(['viewer', 'clerk'], custom), ['status.read', 'paper.print'])
})

test('a role that there is not permits nothing', () => {
  for (const role of ['nobody', 'constructor', '__proto__', 'toString']) assert.equal(permissionsOf([role], {}), [])
})

test('of the built-in roles admin alone permits everything', () => {
  const all = Object.entries(builtInRoles).filter(([, permissions]) => holdsPermission(permissions, 'anything.at.all'))
  assert.equal(
    all.map(([name]) => name),
    ['admin'],
  )
  assert.not(holdsPermission(builtInRoles.operator ?? [], 'session.manage'))
  assert.not(holdsPermission(builtInRoles.viewer ?? [], 'session.read'))
})

test.run()
