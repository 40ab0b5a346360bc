/** Who is meant by a list of users and groups. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isMember, rolesOf } from '../../../server/keeper/role/membership.ts'

const test = suite('role membership')
const alice = { name: 'alice', groups: ['alice', 'staff', 'wheel'] }

const cases = [
  { name: 'is a member by name', users: ['alice'], groups: [], expect: true },
  { name: 'is a member by any of the groups', users: [], groups: ['sudo', 'wheel'], expect: true },
  { name: 'is none of empty lists', users: [], groups: [], expect: false },
  { name: 'is none where others are named', users: ['bob'], groups: ['admins'], expect: false },
  { name: 'is not taken for a group of the same name as a user', users: ['staff'], groups: [], expect: false },
  { name: 'is compared exactly', users: ['Alice', 'alic', 'alice '], groups: ['Wheel', 'whee'], expect: false },
]

for (const { name, users, groups, expect } of cases)
  test(name, () => assert.is(isMember(alice, { users, groups }), expect))

test('an account that is named like a group it is not in has nothing by that group', () => {
  assert.not(isMember({ name: 'sudo', groups: ['users'] }, { users: [], groups: ['sudo'] }))
})

test('has every role that a name or a group gives, in the order of the configuration, each once', () => {
  const roles = {
    viewer: { users: [], groups: ['staff'] },
    admin: { users: ['alice'], groups: ['wheel'] },
    operator: { users: ['bob'], groups: [] },
  }
  assert.equal(rolesOf(alice, roles), ['viewer', 'admin'])
  assert.equal(rolesOf({ name: 'carol', groups: [] }, roles), [])
})

test.run()
